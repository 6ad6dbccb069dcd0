// The adapter behind the floor. adapter.mjs <connect|raw>
// Estimate (unary) and Stream (server-streaming, `chunks` messages of one text, a delay before each if asked for).
import http2 from 'node:http2';
import { create, toBinary, fromBinary } from '@bufbuild/protobuf';
import { Adapter, EstimateRequestSchema, EstimateReplySchema, StreamRequestSchema, ChunkSchema } from './gen/perf/v1/adapter_pb.js';
import { serveControl, sleep } from './lib.mjs';

const kind = process.argv[2];
const TEXT = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor '.repeat(3).slice(0, 140);
const rep = (r) => ({ requestId: r.requestId, adapterId: 'adapter-1', costUsd: 0.0012, p50Ms: 120, p95Ms: 300, inTokens: 512, outTokens: 128, confidence: 0.9 });
const chk = (r, i) => ({ requestId: r.requestId, seq: i, text: TEXT, tokens: 7, confidence: 0.87, final: i === r.chunks - 1 });
const ready = (port) => process.send({ ready: true, port });
const frame = (buf) => { const b = Buffer.allocUnsafe(5 + buf.length); b[0] = 0; b.writeUInt32BE(buf.length, 1); b.set(buf, 5); return b; };

let s;
if (kind === 'connect') {
  const { connectNodeAdapter } = await import('@connectrpc/connect-node');
  const routes = (router) => router.service(Adapter, {
    estimate: (r) => create(EstimateReplySchema, rep(r)),
    async *stream(r) { for (let i = 0; i < r.chunks; i++) { if (r.delayMs) await sleep(r.delayMs); yield create(ChunkSchema, chk(r, i)); } },
  });
  s = http2.createServer(connectNodeAdapter({ routes }));
} else if (kind === 'raw') {
  s = http2.createServer();
  s.on('stream', (st, h) => {
    const bufs = [];
    st.on('error', () => {});
    st.on('data', (d) => bufs.push(d));
    st.on('end', async () => {
      const body = bufs.length === 1 ? bufs[0] : Buffer.concat(bufs);
      st.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
      st.on('wantTrailers', () => st.sendTrailers({ 'grpc-status': '0' }));
      if (h[':path'].endsWith('Estimate')) {
        const r = fromBinary(EstimateRequestSchema, body.subarray(5));
        st.end(frame(toBinary(EstimateReplySchema, create(EstimateReplySchema, rep(r)))));
      } else {
        const r = fromBinary(StreamRequestSchema, body.subarray(5)); let i = 0;
        const one = () => frame(toBinary(ChunkSchema, create(ChunkSchema, chk(r, i))));
        if (r.delayMs) { for (; i < r.chunks; i++) { await sleep(r.delayMs); if (st.destroyed) return; st.write(one()); } st.end(); return; }
        const pump = () => { while (i < r.chunks) { const b = one(); i++; if (!st.write(b)) { st.once('drain', pump); return; } } st.end(); };
        pump();
      }
    });
  });
} else throw new Error(`no adapter ${kind}: connect or raw`);
s.listen(0, '127.0.0.1', () => ready(s.address().port));
serveControl();
