import { describe, expect, it } from "vitest";
import type { Frame } from "atp-protocol";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, ScriptStep, Simulation } from "../../src/testing/index.js";

/** Puts out `pieces` of ten tokens as far as its clip goes, one each 10 ms, at one micro-dollar a token. */
function talker(pieces: number, estimate: object): AdapterScript {
  const piece = { afterMs: 10, text: "ten tokens of an answer ", usage: { inTokens: 0, outTokens: 10, usdMicros: 10 } };
  return {
    id: "talker",
    estimate,
    answer({ maxOutputTokens }) {
      const said = Math.min(pieces, Math.floor(maxOutputTokens / 10));
      return [...Array.from({ length: said }, (): ScriptStep => piece), { afterMs: 10, final: {} }];
    },
  };
}
/** Quotes a tenth of what it will say. */
const clean = { inTokens: 10, outTokens: 100, usdMicros: 100, cancelsCleanly: true };

async function run(sim: Simulation, frame: Frame): Promise<Frame> {
  const socket = sim.connect();
  socket.send(frame);
  await sim.clock.until(() => socket.end(frame.stream_id) !== undefined);
  return socket.end(frame.stream_id) as Frame;
}

const reserved = async (sim: Simulation) => (await sim.router.budgets()).tenants["default"]?.reserved;

describe("calls of an adapter that cancels cleanly", () => {
  it("A7.2 begin with a chunk, are topped up as they go, and end whole", async () => {
    const sim = createSimulation({ adapters: [talker(100, clean)] });
    const socket = sim.connect();
    socket.send(syn({ window: { max_usd_micros: 2_000 } }));
    await sim.clock.until(() => socket.of("st1", "agent.result.partial").length > 0);
    const first = (await reserved(sim))?.usd_micros ?? 0;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(300);
    await sim.clock.until(() => socket.of("st1", "agent.result.partial").length > 60);
    expect((await reserved(sim))?.usd_micros).toBeGreaterThan(600);
    await sim.clock.until(() => socket.end("st1") !== undefined);
    expect(socket.end("st1")).toMatchObject({ flags: ["FIN"], telemetry: { usd: 1_000 } });
    expect(await reserved(sim)).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    await sim.router.close();
  });

  it("A7.2 are not cut at their quote, as those of an adapter that bills a whole call must be", async () => {
    for (const [cancelsCleanly, usd] of [
      [true, 1_000],
      [false, 100],
    ] as const) {
      const sim = createSimulation({ adapters: [talker(100, { ...clean, p95Tokens: 110, cancelsCleanly })] });
      expect(await run(sim, syn({}))).toMatchObject({ flags: ["FIN"], telemetry: { usd } });
      await sim.router.close();
    }
  });

  it("A7.1 A7.4 are cut at their hold when a window has no more, and the window is never passed", async () => {
    const tenants = { default: { budget: { usdMicros: 1_200 } } };
    const sim = createSimulation({ adapters: [talker(100, clean)], tenants });
    const socket = sim.connect();
    for (const stream of ["a", "b"]) socket.send(syn({ stream }));
    await sim.clock.until(() => socket.end("a") !== undefined && socket.end("b") !== undefined);
    const ends = ["a", "b"].map((stream) => socket.end(stream));
    expect(ends.map((end) => end?.flags[0])).toContain("RST");
    const { posted, reserved: left } = (await sim.router.budgets()).tenants["default"] ?? {};
    expect(left).toEqual({ parallel: 0, tokens: 0, usd_micros: 0 });
    expect(posted?.usd_micros).toBeGreaterThan(600);
    expect(posted?.usd_micros).toBeLessThanOrEqual(1_200);
    expect(posted?.usd_micros).toBe(ends.reduce((sum, end) => sum + (end?.telemetry?.usd ?? 0), 0));
    await sim.router.close();
  });
});

describe("quotes that are off", () => {
  /** Bills twice what it quotes. */
  const liar: AdapterScript = {
    id: "liar",
    estimate: { inTokens: 10, outTokens: 20, usdMicros: 100, varianceUsd: 400, varianceTokens: 16 },
    answer: [
      { text: "much", usage: { inTokens: 10, outTokens: 40, usdMicros: 200 } },
      { afterMs: 5, final: {} },
    ],
  };

  it("A7.2 are corrected by what calls really cost: holds come to what is needed, and no longer run over", async () => {
    const sim = createSimulation({ adapters: [liar] });
    const overruns = (): number =>
      sim.observations.filter((o) => o.t === "adapter.overrun" && o.dimension === "usdMicros").length;
    for (let i = 0; i < 40; i++) await run(sim, syn({ stream: `st${i}`, session: `s${i}`, meta: { task_type: "qa" } }));
    const early = overruns();
    expect(early).toBeGreaterThan(0);
    for (let i = 40; i < 60; i++)
      await run(sim, syn({ stream: `st${i}`, session: `s${i}`, meta: { task_type: "qa" } }));
    expect(overruns()).toBe(early);
    const question = { payload: { type: "agent.request", content: { prompt: "x" } }, meta: { task_type: "qa" } };
    const asking = sim.router.explain(question, {});
    await sim.clock.advance(100);
    const told = await asking;
    const [candidate] = (told as { candidates: { estimate: { usd_micros: number }; quoted: object }[] }).candidates;
    expect(candidate?.quoted).toEqual({ in_tokens: 10, out_tokens: 20, usd_micros: 100 });
    expect(candidate?.estimate.usd_micros).toBeGreaterThan(170);
    expect(candidate?.estimate.usd_micros).toBeLessThan(230);
    await sim.router.close();
  });
});
