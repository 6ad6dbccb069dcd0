// What the children share: statistics, a bounded pool, the control channel to the parent.
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export const now = () => performance.now();
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
export const pct = (a, p) => { const s = [...a].sort((x, y) => x - y); return s.length ? s[Math.min(s.length - 1, Math.floor(p * s.length))] : NaN; };
export const cpuMs = (u) => (u.user + u.system) / 1000;

// CPU of another process in ms: time on a core of all its threads, in nanoseconds from the scheduler
export function procCpuMs(pid) {
  let ns = 0;
  for (const t of readdirSync(`/proc/${pid}/task`)) ns += Number(readFileSync(`/proc/${pid}/task/${t}/schedstat`, 'utf8').split(' ', 1)[0]);
  return ns / 1e6;
}
// answers cpu, mem, exit and whatever `extra` names
export function serveControl(extra = {}) {
  process.on('message', async (m) => {
    if (m.op === 'cpu') process.send({ id: m.id, v: cpuMs(process.cpuUsage()) });
    else if (m.op === 'mem') process.send({ id: m.id, v: process.memoryUsage() });
    else if (m.op === 'exit') process.exit(0);
    else if (extra[m.op]) {
      try { process.send({ id: m.id, v: await extra[m.op](m.arg) }); }
      catch (e) { process.send({ id: m.id, error: String(e?.stack ?? e) }); }
    }
  });
  process.on('disconnect', () => process.exit(0));
}
// fn(0..total-1), n at a time
export async function pool(n, total, fn) {
  let i = 0;
  const w = async () => { while (i < total) { const k = i++; await fn(k); } };
  await Promise.all(Array.from({ length: Math.min(n, total) }, w));
}
