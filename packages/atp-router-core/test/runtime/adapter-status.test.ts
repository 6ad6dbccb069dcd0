import { describe, expect, it } from "vitest";
import type { ErrorContent } from "atp-protocol";
import type { AdapterHealth } from "../../src/model/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation } from "../../src/testing/index.js";

const CALL_MS = 500;

const adapter = (id: string, usdMicros: number, health: Partial<AdapterHealth> = {}): AdapterScript => ({
  id,
  estimate: { usdMicros },
  health,
  answer: [
    { afterMs: 10, text: "yes" },
    { afterMs: CALL_MS - 10, final: {} },
  ],
});
const calls = (sim: Simulation, id: string): number => sim.adapters.get(id)?.calls.length ?? -1;

describe("what an adapter says of itself", () => {
  it.each<[AdapterHealth["status"], string]>([
    ["READY", "cheap"],
    ["BUSY", "dear"],
    ["PAUSE", "dear"],
    ["DRAINING", "dear"],
  ])("%s: a question goes to the %s one", async (status, asked) => {
    const sim = createSimulation({ adapters: [adapter("cheap", 1, { status }), adapter("dear", 100)] });
    const socket = sim.connect();
    await sim.clock.advance(50);
    socket.send(syn({ stream: "q", qos: "gold", meta: { strategy: "single" } }));
    await sim.clock.until(() => socket.end("q") !== undefined);
    expect(socket.end("q")?.flags).toContain("FIN");
    expect([calls(sim, "cheap"), calls(sim, "dear")]).toEqual(asked === "cheap" ? [1, 0] : [0, 1]);
    await sim.router.close();
  });

  it.each<[AdapterHealth["status"], boolean]>([
    ["BUSY", true],
    ["PAUSE", false],
    ["DRAINING", false],
  ])("%s: with nobody else it is asked: %s", async (status, isAsked) => {
    const sim = createSimulation({ adapters: [adapter("a", 1, { status })] });
    const socket = sim.connect();
    await sim.clock.advance(50);
    socket.send(syn({ stream: "q", meta: { strategy: "single" } }));
    await sim.clock.until(() => socket.end("q") !== undefined);
    expect(calls(sim, "a")).toBe(isAsked ? 1 : 0);
    if (!isAsked) expect((socket.end("q")?.payload?.content as ErrorContent).message).toMatch(String(status));
    await sim.router.close();
  });

  it("the window that it suggests is how many calls it gets at once, and /v1/lanes tells so", async () => {
    const sim = createSimulation({
      adapters: [adapter("a", 1, { suggestedMaxParallel: 2 })],
      limits: { maxConcurrentCalls: 16 },
    });
    const socket = sim.connect();
    await sim.clock.advance(50);
    const streams = Array.from({ length: 7 }, (_, i) => `q${i}`);
    for (const stream of streams) socket.send(syn({ stream, qos: "gold", meta: { strategy: "single" } }));
    let most = 0;
    while (streams.some((stream) => socket.end(stream) === undefined)) {
      await sim.clock.advance(5);
      most = Math.max(most, sim.adapters.get("a")?.running ?? 0);
    }
    expect(most).toBe(2);
    for (const stream of streams) expect(socket.end(stream)?.flags).toContain("FIN");
    expect(sim.router.view().lanes.adapters).toMatchObject({ a: { limit: 2, status: "READY" } });
    await sim.router.close();
  });
});
