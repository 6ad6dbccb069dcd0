import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, MemorySocket, Simulation } from "../../src/testing/index.js";

const usage = { outTokens: 10, usdMicros: 10 };
const estimate = { inTokens: 10, outTokens: 40, usdMicros: 50, cancelsCleanly: false };
const talker = (id: string): AdapterScript => ({
  id,
  estimate,
  answer: [
    { afterMs: 200, text: "one", usage: { inTokens: 10, outTokens: 10, usdMicros: 20 } },
    { afterMs: 200, text: "two", usage },
    { afterMs: 200, final: {} },
  ],
});
const hello: Frame = {
  v: 1,
  session_id: "s1",
  stream_id: "0",
  msg_seq: 1,
  flags: ["CTRL"],
  payload: {
    type: "control.hello",
    content: { client: { name: "t", version: "1" }, capabilities: [] },
  },
};

interface Told {
  readonly number: number;
  readonly window: object;
  readonly left?: { readonly max_tokens: number; readonly max_parallel: number };
}
const toldOf = (socket: MemorySocket): Told[] =>
  socket.of("st1", "control.window_update").map((frame) => frame.payload?.content as Told);

async function run(sim: Simulation, frame: Parameters<typeof syn>[0], greets = true): Promise<MemorySocket> {
  const socket = sim.connect();
  if (greets) socket.send(hello);
  socket.send(syn(frame));
  await sim.clock.until(() => socket.end("st1") !== undefined);
  await sim.router.close();
  return socket;
}

describe("A7.6-8 what is left of a window", () => {
  it("is told when it moved by a fifth: held, and given back", async () => {
    const sim = createSimulation({ adapters: [talker("a")] });
    const socket = await run(sim, { window: { max_parallel: 2, max_tokens: 200, max_usd_micros: 1_000 } });
    const told = toldOf(socket);
    expect(told.map(({ number }) => number)).toEqual(told.map((_, i) => i + 1));
    expect(told[0]).toMatchObject({
      window: { max_parallel: 2, max_tokens: 200, max_usd_micros: 1_000 },
      left: { max_parallel: 1, max_tokens: 150 },
    });
  });

  it("is not told while it moves by less", async () => {
    const sim = createSimulation({ adapters: [talker("a")] });
    expect(toldOf(await run(sim, { window: { max_tokens: 10_000, max_usd_micros: 100_000 } }))).toEqual([]);
  });

  it("is told at most once in 100 ms, and then as it is", async () => {
    const sim = createSimulation({ adapters: [talker("a"), talker("b"), talker("c")] });
    const socket = sim.connect();
    const at: number[] = [];
    socket.send(hello);
    socket.send(
      syn({ meta: { strategy: "fanout" }, window: { max_parallel: 3, max_tokens: 200, max_usd_micros: 1_000 } }),
    );
    let seen = 0;
    for (let ms = 0; ms < 2_000; ms += 5) {
      await sim.clock.advance(5);
      for (; seen < toldOf(socket).length; seen++) at.push(ms);
    }
    expect(at.length).toBeGreaterThan(1);
    at.slice(1).forEach((ms, i) => expect(ms - (at[i] ?? 0)).toBeGreaterThanOrEqual(95));
    // Three holds were granted at once: the second telling has them all.
    expect(toldOf(socket)[1]?.left?.max_tokens).toBe(200 - 3 * 50);
    await sim.router.close();
  });

  it("A2.4-7 naive sockets get none", async () => {
    const sim = createSimulation({ adapters: [talker("a")] });
    expect(toldOf(await run(sim, { window: { max_tokens: 100 } }, false))).toEqual([]);
  });
});
