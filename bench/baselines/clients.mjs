// Three clients of one shape: { estimate(req) -> Promise<reply>, stream(req, onChunk) -> Promise<n>, close() }
import http2 from 'node:http2';
import { create, toBinary, fromBinary } from '@bufbuild/protobuf';
import { Adapter, EstimateRequestSchema, EstimateReplySchema, StreamRequestSchema, ChunkSchema } from './gen/perf/v1/adapter_pb.js';

const frame = (buf) => { const b = Buffer.allocUnsafe(5 + buf.length); b[0] = 0; b.writeUInt32BE(buf.length, 1); b.set(buf, 5); return b; };

export async function connectClient(port) {
  const { createClient } = await import('@connectrpc/connect');
  const cn = await import('@connectrpc/connect-node');
  const baseUrl = `http://127.0.0.1:${port}`;
  const sm = new cn.Http2SessionManager(baseUrl);
  const c = createClient(Adapter, cn.createGrpcTransport({ baseUrl, useBinaryFormat: true, sessionManager: sm }));
  return {
    estimate: (r) => c.estimate(r),
    async stream(r, onChunk) { let n = 0; for await (const m of c.stream(r)) { n++; if (onChunk) onChunk(m); } return n; },
    close: () => sm.abort(),
  };
}

export async function grpcjsClient(port) {
  const grpc = (await import('@grpc/grpc-js')).default;
  const ser = (S) => (x) => { const u = toBinary(S, create(S, x)); return Buffer.from(u.buffer, u.byteOffset, u.length); };
  const m = (path, I, O, rs) => ({ path, requestStream: false, responseStream: rs, requestSerialize: ser(I), requestDeserialize: (b) => fromBinary(I, b), responseSerialize: ser(O), responseDeserialize: (b) => fromBinary(O, b) });
  const Ctor = grpc.makeGenericClientConstructor({ estimate: m('/perf.v1.Adapter/Estimate', EstimateRequestSchema, EstimateReplySchema, false), stream: m('/perf.v1.Adapter/Stream', StreamRequestSchema, ChunkSchema, true) }, 'Adapter');
  const c = new Ctor(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return {
    estimate: (r) => new Promise((res, rej) => c.estimate(r, (e, v) => e ? rej(e) : res(v))),
    stream: (r, onChunk) => new Promise((res, rej) => { let n = 0; const s = c.stream(r); s.on('data', (m) => { n++; if (onChunk) onChunk(m); }); s.on('end', () => res(n)); s.on('error', rej); }),
    close: () => c.close(),
  };
}

export async function rawClient(port) {
  const s = http2.connect(`http://127.0.0.1:${port}`);
  await new Promise((r, j) => { s.once('connect', r); s.once('error', j); });
  const H = (p) => ({ ':method': 'POST', ':path': p, 'content-type': 'application/grpc+proto', te: 'trailers' });
  const hE = H('/perf.v1.Adapter/Estimate'), hS = H('/perf.v1.Adapter/Stream');
  // takes length-prefixed messages out of DATA chunks
  const splitter = (on) => {
    let rest = null;
    return (d) => {
      if (rest) { d = Buffer.concat([rest, d]); rest = null; }
      let o = 0;
      while (d.length - o >= 5) { const l = d.readUInt32BE(o + 1); if (d.length - o - 5 < l) break; on(d.subarray(o + 5, o + 5 + l)); o += 5 + l; }
      if (o < d.length) rest = d.subarray(o);
    };
  };
  const call = (h, body, on) => new Promise((res, rej) => {
    const st = s.request(h); let status;
    st.on('trailers', (t) => { status = t['grpc-status']; });
    st.on('data', splitter(on)); st.on('error', rej);
    st.on('end', () => status === undefined || status === '0' ? res() : rej(new Error('grpc-status ' + status)));
    st.end(body);
  });
  return {
    async estimate(r) { let v; await call(hE, frame(toBinary(EstimateRequestSchema, create(EstimateRequestSchema, r))), (b) => { v = fromBinary(EstimateReplySchema, b); }); return v; },
    async stream(r, onChunk) { let n = 0; await call(hS, frame(toBinary(StreamRequestSchema, create(StreamRequestSchema, r))), (b) => { n++; const m = fromBinary(ChunkSchema, b); if (onChunk) onChunk(m); }); return n; },
    close: () => s.close(),
  };
}

export const mkClient = (kind, port) => {
  switch (kind) {
    case 'connect-grpc': return connectClient(port);
    case 'grpcjs-es': return grpcjsClient(port);
    case 'raw': return rawClient(port);
  }
  throw new Error(`no client ${kind}: connect-grpc, grpcjs-es or raw`);
};
