import type { Frame, HelloContent } from "atp-protocol";
import { describe, expect, it } from "vitest";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { MemorySocket, Simulation } from "../../src/testing/index.js";

const usage = { inTokens: 5, outTokens: 2, usdMicros: 10 };
const answer = [
  ...Array.from({ length: 20 }, (_, i) => ({ afterMs: 10, text: `${i};`, usage })),
  { afterMs: 10, final: { confidence: 0.9 } },
];
const whole = Array.from({ length: 20 }, (_, i) => `${i};`).join("");
const simulate = (): Simulation => createSimulation({ adapters: [{ id: "a", answer }] });

function hello(resume?: HelloContent["resume"]): Frame {
  const content = {
    client: { name: "t", version: "1" },
    capabilities: ["resume"],
    ...(resume === undefined ? {} : { resume }),
  };
  const payload = { type: "control.hello", content };
  return { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["CTRL"], payload };
}
const detach: Frame = {
  v: 1,
  session_id: "s1",
  stream_id: "st1",
  msg_seq: 1,
  flags: ["CTRL"],
  payload: { type: "control.detach", content: {} },
};
const tokenOf = (socket: MemorySocket, type: string, stream: string): string =>
  (socket.of(stream, type)[0]?.payload?.content as { resume_token?: string } | undefined)?.resume_token ?? "";
const textOf = (socket: MemorySocket): string =>
  socket
    .of("st1", "agent.result.partial")
    .map(({ payload }) => (payload?.content as { text?: string }).text ?? "")
    .join("");
const take = (resume_token: string, last_seq = 1): HelloContent["resume"] => ({
  resume_token,
  streams: [{ stream_id: "st1", last_seq }],
});

/** A client that asked, read a little and detached. */
async function detached(sim: Simulation, frame = syn({})): Promise<{ socket: MemorySocket; token: string }> {
  const socket = sim.connect();
  socket.send(hello());
  socket.send(frame);
  await sim.clock.until(() => socket.of("st1", "agent.result.partial").length >= 3);
  socket.send(detach);
  await sim.clock.until(() => socket.of("st1", "control.detached").length > 0);
  return { socket, token: tokenOf(socket, "control.detached", "st1") };
}

describe("detach", () => {
  it("A9.2-22 another connection takes the stream up from its beginning, and the first one goes on with its session", async () => {
    const sim = simulate();
    const { socket, token } = await detached(sim);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    const told = textOf(socket);
    const other = sim.connect();
    other.send(hello(take(token)));
    await sim.clock.until(() => other.of("st1", "agent.result.final").length > 0);
    expect(textOf(other)).toBe(whole);
    expect(textOf(socket)).toBe(told);
    expect(socket.closed).toBeUndefined();
    socket.send(syn({ stream: "st2" }));
    await sim.clock.until(() => socket.of("st2", "agent.result.final").length > 0);
    await sim.router.close();
  });

  it("A9.2-22 A9.2-1 nobody is there while it ends: its end and all before it are kept", async () => {
    const sim = simulate();
    const { socket, token } = await detached(sim);
    socket.drop();
    await sim.clock.advance(5_000);
    expect(sim.router.view().streams).toBe(0);
    const other = sim.connect();
    other.send(hello(take(token)));
    await sim.clock.until(() => other.of("st1", "agent.result.final").length > 0);
    expect(textOf(other)).toBe(whole);
    await sim.router.close();
  });

  it("A9.2-22 detaching is no disconnect: a bronze stream goes on, and is cancelled when nobody comes", async () => {
    const slow = {
      id: "a",
      answer: [
        { afterMs: 10, text: "x", usage },
        { afterMs: 10, text: "y", usage },
        { afterMs: 10, text: "z", usage },
        { afterMs: 300_000, final: {} },
      ],
    };
    const sim = createSimulation({ adapters: [slow], limits: { maxStreamMs: 600_000 } });
    const { token } = await detached(sim, syn({ qos: "bronze" }));
    await sim.clock.advance(110_000);
    expect(sim.router.view().streams).toBe(1);
    await sim.clock.advance(20_000);
    expect(sim.router.view().streams).toBe(0);
    const other = sim.connect();
    other.send(hello(take(token)));
    await sim.clock.until(() => other.of("0", "error").length > 0);
    expect(other.of("0", "error")[0]?.payload?.content).toMatchObject({ code: "ERESUME" });
    const budgets = await sim.router.budgets();
    expect(JSON.stringify(budgets)).not.toContain('"reserved":{"parallel":1');
    await sim.router.close();
  });
});
