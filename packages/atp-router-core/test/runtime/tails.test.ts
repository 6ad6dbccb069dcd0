import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, ScriptStep, Simulation, SimulationConfig } from "../../src/testing/index.js";

const usage = { inTokens: 10, outTokens: 10, usdMicros: 50 };
const answer = (firstMs: number): readonly ScriptStep[] => [
  { afterMs: firstMs, text: "yes", usage },
  { afterMs: 100, final: {} },
];
/** First choice for its confidence. */
const FIRST = { confidence: 0.9 };

/** An adapter that begins after 200 ms, but for its calls from the `slowFrom`th on. */
function mostly(id: string, slowFrom: number, more: Partial<AdapterScript> = {}): AdapterScript {
  return { id, answer: (_call, nth) => answer(nth < slowFrom ? 200 : 5_000), ...more };
}

function world(adapters: readonly AdapterScript[], more: Partial<SimulationConfig> = {}) {
  const sim = createSimulation({ adapters, ...more });
  const socket = sim.connect();
  let n = 0;
  return {
    sim,
    ask: async (frame: Parameters<typeof syn>[0] = {}): Promise<Frame> => {
      const stream = `q${n++}`;
      socket.send(syn({ qos: "gold", meta: { strategy: "single" }, ...frame, stream }));
      await sim.clock.until(() => socket.end(stream) !== undefined);
      return socket.end(stream) as Frame;
    },
    check: async (): Promise<void> => {
      const { tenants } = await sim.router.budgets();
      expect(tenants["default"]?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
      await sim.router.close();
    },
  };
}

const outcomes = (end: Frame) => end.telemetry?.adapters?.map(({ name, outcome }) => `${name}:${outcome}`);
const calls = (sim: Simulation, id: string): number => sim.adapters.get(id)?.calls.length ?? -1;

describe("hedges", () => {
  it("a second call stands in for one that says nothing, and the loser is cancelled and settled", async () => {
    const { sim, ask, check } = world([mostly("a", 30, { estimate: FIRST }), mostly("b", 99)]);
    for (let i = 0; i < 30; i++) expect(outcomes(await ask())).toEqual(["a:ok"]);
    const end = await ask();
    expect(outcomes(end)).toEqual(["a:cancelled", "b:ok"]);
    expect(end.payload?.content).toMatchObject({ answer: "yes", adapter: "b" });
    // Its 200 ms, and those of the second call; not the 5 s.
    expect(end.telemetry?.latency_ms).toBeLessThan(700);
    expect(sim.adapters.get("a")?.cancels).toEqual(["b began to answer first"]);
    // A7.4: what may have been on its way is charged.
    expect(end.telemetry?.adapters?.[0]?.usd).toBeGreaterThan(0);
    await check();
  });

  it("the first call wins when it begins first, and the second is cancelled", async () => {
    const slow: AdapterScript = { id: "a", estimate: FIRST, answer: (_c, nth) => answer(nth < 30 ? 200 : 350) };
    const { ask, check } = world([slow, mostly("b", 99)]);
    for (let i = 0; i < 30; i++) await ask();
    expect(outcomes(await ask())).toEqual(["a:ok", "b:cancelled"]);
    await check();
  });

  it("a first call that fails while the second runs is no end", async () => {
    const slow: AdapterScript = {
      id: "a",
      estimate: FIRST,
      answer: (_c, nth) => (nth < 30 ? answer(200) : [{ afterMs: 300, fail: {} }]),
    };
    const { sim, ask, check } = world([slow, mostly("b", 99), mostly("c", 99, { estimate: { usdMicros: 190 } })]);
    for (let i = 0; i < 30; i++) await ask();
    expect(outcomes(await ask())).toEqual(["a:failed", "b:ok"]);
    expect(calls(sim, "c")).toBe(0);
    await check();
  });

  it.each<[string, Parameters<typeof syn>[0], Partial<SimulationConfig>, Partial<AdapterScript>]>([
    ["bronze", { qos: "bronze" }, {}, {}],
    [
      "a stream whose window has no room for two calls",
      { window: { max_parallel: 1, max_tokens: 500, max_usd_micros: 5_000 } },
      {},
      {},
    ],
    ["a dearer adapter", {}, {}, { estimate: { usdMicros: 201 } }],
    ["an adapter that is BUSY", {}, {}, { health: { status: "BUSY" } }],
    ["a router that is told not to", {}, { tails: { hedge: "off" } }, {}],
  ])("none for %s", async (_name, frame, config, b) => {
    const { sim, ask, check } = world([mostly("a", 30, { estimate: FIRST }), mostly("b", 99, b)], config);
    await sim.clock.advance(10);
    for (let i = 0; i < 30; i++) await ask(frame);
    expect(outcomes(await ask(frame))).toEqual(["a:ok"]);
    expect(calls(sim, "b")).toBe(0);
    await check();
  });

  it("are no more than their share, whatever is slow", async () => {
    const { sim, ask, check } = world([mostly("a", 30, { estimate: FIRST }), mostly("b", 0)], {
      tails: { breaker: "off" },
    });
    for (let i = 0; i < 230; i++) await ask();
    expect(calls(sim, "b")).toBeGreaterThan(5);
    expect(calls(sim, "b")).toBeLessThanOrEqual(0.08 * 230 + 10);
    await check();
  });

  it("an adapter that hangs is found out by them, and left alone", async () => {
    const { sim, ask, check } = world([mostly("a", 30, { estimate: FIRST }), mostly("b", 999)], {
      tails: { hedge: { share: 1 } },
    });
    for (let i = 0; i < 40; i++) await ask();
    expect(calls(sim, "a")).toBe(35);
    expect(sim.observations.find((o) => o.t === "adapter.status" && o.to === "DOWN")).toMatchObject({ adapter: "a" });
    await check();
  });
});

describe("retries", () => {
  const failing = (id: string, times: number, fail: object = {}, more: Partial<AdapterScript> = {}): AdapterScript => ({
    id,
    answer: (_call, nth) => (nth < times ? [{ afterMs: 1, fail }] : answer(10)),
    ...more,
  });

  it("goes elsewhere at once, and to the same adapter after a while", async () => {
    const two = world([failing("a", 1, {}, { estimate: FIRST }), failing("b", 0)]);
    const elsewhere = await two.ask();
    expect(outcomes(elsewhere)).toEqual(["a:failed", "b:ok"]);
    expect(elsewhere.telemetry?.latency_ms).toBeLessThan(130);
    await two.check();
    const one = world([failing("a", 2)]);
    expect(outcomes(await one.ask())).toEqual(["a:failed", "a:failed", "a:ok"]);
    await one.check();
  });

  it("429: what the adapter asks to wait is waited, when the deadline allows", async () => {
    const full = { kind: "exhausted" as const, retryAfterMs: 3_000, sent: false };
    const patient = world([failing("a", 1, full)]);
    expect((await patient.ask()).telemetry?.latency_ms).toBeGreaterThanOrEqual(3_000);
    await patient.check();
    const hasty = world([failing("a", 1, full)]);
    const end = await hasty.ask({ meta: { strategy: "single", deadline_ms: 2_000 } });
    expect(end.payload?.content).toMatchObject({ code: "EAGENTDOWN", retry_after_ms: 3_000, processed: "no" });
    await hasty.check();
  });

  it.each([
    ["rejected", 1],
    ["unavailable", 3],
    ["internal", 3],
    ["protocol", 3],
  ] as const)("%s: the same adapter is asked %i times", async (kind, times) => {
    const { sim, ask, check } = world([failing("a", 99, { kind })]);
    expect((await ask()).flags).toEqual(["RST"]);
    expect(calls(sim, "a")).toBe(times);
    await check();
  });

  it("an outage of all adapters gets no more calls than requests, and then none but a trial a second", async () => {
    const { sim, ask, check } = world(["a", "b", "c"].map((id) => failing(id, 9_999)));
    for (let i = 0; i < 100; i++) await ask();
    const total = (): number => ["a", "b", "c"].reduce((n, id) => n + calls(sim, id), 0);
    expect(total()).toBeLessThanOrEqual(40);
    const before = total();
    const began = sim.clock.now();
    for (let i = 0; i < 100; i++) {
      const end = await ask();
      expect(end.payload?.content).toMatchObject({ code: "EAGENTDOWN" });
      await sim.clock.advance(20);
    }
    expect(total() - before).toBeLessThanOrEqual((sim.clock.now() - began) / 1_000 + 4);
    await check();
  });

  it("a router that is told not to asks each adapter once", async () => {
    const { sim, ask, check } = world([failing("a", 9, {}, { estimate: FIRST }), failing("b", 9)], {
      tails: { retry: "off" },
    });
    await ask();
    expect([calls(sim, "a"), calls(sim, "b")]).toEqual([1, 0]);
    await check();
  });
});
