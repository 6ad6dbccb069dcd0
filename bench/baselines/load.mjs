// The load. Ops: direct {kind, port, conc, n, chunks, delayMs}; ws {port, pid, ...}, which also reads the CPU of the router
// `pid` from just before the first TASK to just after the last FINAL.
import WebSocket from 'ws';
import { serveControl, now, pct, pool, cpuMs, procCpuMs } from './lib.mjs';
import { mkClient } from './clients.mjs';

const prompt = 'x'.repeat(100);
const sum = (n, dt, ttft, total, c0, errs) => ({ rps: n / dt * 1000, ttft50: pct(ttft, .5), ttft99: pct(ttft, .99), tot50: pct(total, .5), tot99: pct(total, .99), cliMs: (cpuMs(process.cpuUsage()) - c0) / n, errs });
const clients = new Map();
async function direct({ kind, port, conc, n, chunks = 50, delayMs = 0 }) {
  const key = kind + port; if (!clients.has(key)) clients.set(key, await mkClient(kind, port));
  const c = clients.get(key); const ttft = [], total = []; let errs = 0; const c0 = cpuMs(process.cpuUsage()), t0 = now();
  await pool(conc, n, async (i) => {
    const requestId = 'r-' + i + '-0190a7f2-1c3e-7b5a-9d2e'; const t = now(); let first = 0;
    await c.estimate({ requestId, prompt, model: 'm' });
    const k = await c.stream({ requestId, prompt, chunks, delayMs }, () => { if (!first) first = now(); });
    if (k !== chunks) errs++; ttft.push(first - t); total.push(now() - t);
  });
  return sum(n, now() - t0, ttft, total, c0, errs);
}
const conns = new Map();
async function viaWs({ port, pid, conc, n, chunks = 50, delayMs = 0 }) {
  const open = () => new Promise((r, j) => { const w = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false }); w.on('open', () => { w._socket.setNoDelay(true); r(w); }); w.on('error', j); });
  let pool_ = conns.get(port) ?? []; while (pool_.length < conc) pool_.push(await open()); conns.set(port, pool_);
  const free = pool_.slice(0, conc); const ttft = [], total = []; let errs = 0; const c0 = cpuMs(process.cpuUsage()), r0 = procCpuMs(pid), t0 = now();
  await pool(conc, n, (i) => new Promise((res) => {
    const w = free.pop(); const t = now(); let first = 0, k = 0;
    w.removeAllListeners('message');
    w.on('message', (d) => {
      const m = JSON.parse(d.toString());
      if (m.type === 'PARTIAL') { k++; if (!first) first = now(); } else { if (m.type !== 'FINAL' || k !== chunks) errs++; ttft.push(first - t); total.push(now() - t); free.push(w); res(); }
    });
    w.send(JSON.stringify({ type: 'TASK', request_id: 'r-' + i + '-0190a7f2-1c3e-7b5a-9d2e', prompt, chunks, delay_ms: delayMs }));
  }));
  const routerMs = (procCpuMs(pid) - r0) / n;
  return { ...sum(n, now() - t0, ttft, total, c0, errs), routerMs };
}
process.send({ ready: true });
serveControl({ direct, ws: viaWs });
