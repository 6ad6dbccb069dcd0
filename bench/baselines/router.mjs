// The pass-through router, no features. router.mjs <adapterPort> <connect-grpc|grpcjs-es|raw> [cork]
// ws text {"type":"TASK",request_id,prompt,chunks,delay_ms} -> Estimate -> Stream -> PARTIAL messages -> FINAL.
import { WebSocketServer } from 'ws';
import { serveControl } from './lib.mjs';
import { mkClient } from './clients.mjs';

const [, , port, kind, ...opt] = process.argv;
const cork = opt.includes('cork');
const adapters = await Promise.all([mkClient(kind, Number(port))]);
const wss = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
wss.on('connection', (ws) => {
  ws._socket.setNoDelay(true);
  let corked = false;
  const send = cork ? (s) => {
    if (!corked) { corked = true; ws._socket.cork(); setImmediate(() => { corked = false; ws._socket.uncork(); }); }
    ws.send(s);
  } : (s) => ws.send(s);
  ws.on('message', async (d) => {
    const t = JSON.parse(d.toString());
    try {
      const ests = await Promise.all(adapters.map((a) => a.estimate({ requestId: t.request_id, prompt: t.prompt, model: 'm' })));
      let best = 0; for (let i = 1; i < ests.length; i++) if (ests[i].costUsd < ests[best].costUsd) best = i;
      let seq = 0, tokens = 0;
      await adapters[best].stream({ requestId: t.request_id, prompt: t.prompt, chunks: t.chunks, delayMs: t.delay_ms ?? 0 }, (m) => {
        tokens += m.tokens;
        send(JSON.stringify({ type: 'PARTIAL', request_id: t.request_id, seq: seq++, text: m.text, tokens: m.tokens, confidence: m.confidence, adapter_id: ests[best].adapterId }));
      });
      send(JSON.stringify({ type: 'FINAL', request_id: t.request_id, seq, tokens, adapter_id: ests[best].adapterId, cost_usd: ests[best].costUsd }));
    } catch (e) { send(JSON.stringify({ type: 'ERROR', request_id: t.request_id, message: String(e?.message ?? e) })); }
  });
});
wss.on('listening', () => process.send({ ready: true, port: wss.address().port }));
serveControl();
