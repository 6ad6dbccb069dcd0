import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation } from "../../src/testing/index.js";

/** It says that no call passes its mean, so that its hold is that. */
const quote = { inTokens: 10, outTokens: 20, usdMicros: 100, p95Tokens: 30, p95UsdMicros: 100 };

function biller(answer: AdapterScript["answer"], estimate: object = quote): AdapterScript {
  return { id: "biller", estimate, answer };
}

async function run(sim: Simulation, frame: Frame): Promise<Frame> {
  const socket = sim.connect();
  socket.send(frame);
  await sim.clock.until(() => socket.end(frame.stream_id) !== undefined);
  return socket.end(frame.stream_id) as Frame;
}

const overruns = (sim: Simulation) =>
  sim.observations.flatMap((o) => (o.t === "adapter.overrun" ? [[o.dimension, o.held, o.used]] : []));

/** What the tenant was debited, and that nothing is held any more. */
async function debited(sim: Simulation): Promise<{ tokens: number; usd: number }> {
  const { tenants } = await sim.router.budgets();
  const budget = tenants["default"];
  expect(budget?.reserved).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
  return { tokens: budget?.posted.tokens ?? -1, usd: budget?.posted.usd_micros ?? -1 };
}

describe("metering", () => {
  it("A7.5: a call that bills above its hold within the windows is charged in full, and told as an overrun", async () => {
    const usage = { inTokens: 10, outTokens: 40, usdMicros: 300 };
    const sim = createSimulation({
      adapters: [
        biller([
          { text: "much", usage },
          { afterMs: 5, final: {} },
        ]),
      ],
    });
    const end = await run(sim, syn({}));
    expect(end.flags).toEqual(["FIN"]);
    expect(end.telemetry).toMatchObject({ tokens: 50, usd: 300 });
    expect(await debited(sim)).toEqual({ tokens: 50, usd: 300 });
    expect(overruns(sim)).toEqual([
      ["tokens", 30, 50],
      ["usdMicros", 100, 300],
    ]);
    await sim.router.close();
  });

  it("A7.5-3: an adapter that overruns is rated down, and others go first", async () => {
    const liar: AdapterScript = {
      id: "liar",
      estimate: { ...quote, confidence: 0.9 },
      answer: () => [
        { text: "much", usage: { inTokens: 10, outTokens: 200, usdMicros: 1_000 } },
        { afterMs: 5, final: {} },
      ],
    };
    const honest: AdapterScript = {
      ...biller([{ text: "fair", usage: { inTokens: 10, outTokens: 20, usdMicros: 100 } }, { final: {} }]),
      id: "honest",
    };
    const sim = createSimulation({
      adapters: [liar, { ...honest, estimate: { ...quote, usdMicros: 100, confidence: 0.7 } }],
      routes: [{ match: {}, strategy: "single" }],
    });
    const rating = (): number | undefined =>
      sim.router.view().adapters.find(({ info }) => info.name === "liar")?.rating;
    expect(rating()).toBe(1);
    const first = await run(sim, syn({ stream: "q0" }));
    expect(first.telemetry?.adapters).toMatchObject([{ name: "liar", usd: 1_000 }]);
    expect(rating()).toBeLessThan(0.75);
    const next = await run(sim, syn({ stream: "q1" }));
    expect(next.telemetry?.adapters).toMatchObject([{ name: "honest" }]);
    await sim.router.close();
  });

  it("A7.5: usage that comes only with the final is charged in full too", async () => {
    const usage = { inTokens: 10, outTokens: 25, usdMicros: 100 };
    const sim = createSimulation({ adapters: [biller([{ final: { answer: "x", usage } }])] });
    const end = await run(sim, syn({}));
    expect(end.telemetry).toMatchObject({ tokens: 35, usd: 100 });
    expect(await debited(sim)).toEqual({ tokens: 35, usd: 100 });
    expect(overruns(sim)).toEqual([["tokens", 30, 35]]);
    await sim.router.close();
  });

  it("A7.3: a call is cut when its hold is used up and the window has no room, charged, and told as an overrun", async () => {
    const usage = { inTokens: 10, outTokens: 40, usdMicros: 100 };
    const sim = createSimulation({ adapters: [biller([{ text: "much", usage }, { stall: true }])] });
    const end = await run(sim, syn({ window: { max_parallel: 1, max_tokens: 32, max_usd_micros: 1000 } }));
    expect(end.flags).toEqual(["RST"]);
    expect(end.payload?.content).toMatchObject({ code: "EBUDGET", processed: "yes" });
    expect(sim.adapters.get("biller")?.cancels).toHaveLength(1);
    expect(end.telemetry?.tokens).toBe(50);
    expect((await debited(sim)).tokens).toBe(50);
    expect(overruns(sim)).toEqual([["tokens", 30, 50]]);
    await sim.router.close();
  });

  it("A7.2: an overrun is of the hold that was granted, also when it was made smaller than planned", async () => {
    // Two streams plan 70 tokens each, and 50 are all that the session has for one: the second is made smaller when the first is done.
    const estimate = { inTokens: 10, outTokens: 20, usdMicros: 0, p95Tokens: 70 };
    const usage = { inTokens: 10, outTokens: 50, usdMicros: 0 };
    const sim = createSimulation({
      adapters: [biller([{ afterMs: 50, final: { answer: "a", usage } }], estimate)],
      lease: { max_parallel: 9, max_tokens: 110, max_usd_micros: 1000 },
    });
    const socket = sim.connect();
    socket.send(syn({ stream: "x" }));
    socket.send(syn({ stream: "y" }));
    await sim.clock.until(() => socket.end("x") !== undefined && socket.end("y") !== undefined);
    expect(sim.adapters.get("biller")?.calls.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([60, 40]);
    expect(overruns(sim)).toEqual([["tokens", 50, 60]]);
    expect(await debited(sim)).toEqual({ tokens: 120, usd: 0 });
    await sim.router.close();
  });

  it("A7.4: an adapter that reports no usage is charged what it quoted", async () => {
    const sim = createSimulation({ adapters: [biller([{ text: "free?" }, { final: {} }])] });
    const end = await run(sim, syn({}));
    expect(end.telemetry).toMatchObject({ tokens: 30, usd: 100 });
    expect(await debited(sim)).toEqual({ tokens: 30, usd: 100 });
    await sim.router.close();
  });

  it("A7.4: a call that certainly never left costs nothing", async () => {
    const sim = createSimulation({ adapters: [biller([{ fail: { kind: "unavailable", sent: false } }])] });
    const end = await run(sim, syn({}));
    expect(end.payload?.content).toMatchObject({ code: "EAGENTDOWN", processed: "no" });
    expect(end.telemetry).toMatchObject({ tokens: 0, usd: 0 });
    expect(await debited(sim)).toEqual({ tokens: 0, usd: 0 });
    await sim.router.close();
  });
});
