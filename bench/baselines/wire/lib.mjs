// What the wire's floors share: the control channel to the parent.
export const cpuMs = (u) => (u.user + u.system) / 1000;
// answers cpu, mem, exit and whatever `extra` names
export function serveControl(extra = {}) {
  process.on('message', async (m) => {
    if (m.op === 'cpu') process.send({ id: m.id, v: cpuMs(process.cpuUsage()) });
    else if (m.op === 'mem') { if (global.gc) { global.gc(); global.gc(); } process.send({ id: m.id, v: process.memoryUsage() }); }
    else if (m.op === 'exit') process.exit(0);
    else if (extra[m.op]) process.send({ id: m.id, v: await extra[m.op](m.arg) });
  });
  process.on('disconnect', () => process.exit(0));
}
