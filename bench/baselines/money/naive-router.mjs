// The naive router: it looks whether the money is there, calls, and charges what it cost. Frames as the product's, so that one load asks both.
// Environment: ADAPTER, REDIS_URL, LIMIT_USD_MICROS, CALL_USD_MICROS.
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { AdapterService } from 'atp-protocol/adapter';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';

const { ADAPTER, REDIS_URL, LIMIT_USD_MICROS, CALL_USD_MICROS } = process.env;
const limit = Number(LIMIT_USD_MICROS), cost = Number(CALL_USD_MICROS);
const redis = new Redis(REDIS_URL);
const adapter = createClient(AdapterService, createGrpcTransport({ baseUrl: ADAPTER }));
const wss = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
wss.on('connection', (ws) => {
  ws.on('message', async (data) => {
    const { session_id, stream_id, payload } = JSON.parse(data.toString());
    const end = (flags, content) => ws.send(JSON.stringify({ v: 1, session_id, stream_id, msg_seq: 2, frag_seq: 0, flags, payload: { type: 'end', content } }));
    try {
      const spent = Number((await redis.get('spent')) ?? 0);
      if (spent + cost > limit) return end(['RST'], { code: 'EBUDGET' });
      let usd = 0;
      for await (const chunk of adapter.stream({ promptJson: JSON.stringify(payload.content) })) usd += Number(chunk.partialUsdMicros);
      await redis.incrby('spent', usd);
      end(['FIN'], { ok: true });
    } catch (e) { end(['RST'], { code: 'EINTERNAL', message: String(e?.message ?? e) }); }
  });
});
wss.on('listening', () => console.log(`listening on http://127.0.0.1:${wss.address().port}`));
process.on('SIGTERM', () => process.exit(0));
