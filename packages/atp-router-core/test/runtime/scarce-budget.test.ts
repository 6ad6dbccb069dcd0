import { describe, expect, it } from "vitest";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, Simulation } from "../../src/testing/index.js";

/** Says as many tokens as it may, up to what its prompt names, one micro-dollar each, in a second. */
const speaker: AdapterScript = {
  id: "speaker",
  estimate: ({ promptJson }) => ({ inTokens: 0, outTokens: wanted(promptJson), usdMicros: wanted(promptJson) }),
  answer({ promptJson, maxOutputTokens }) {
    const outTokens = Math.min(wanted(promptJson), maxOutputTokens);
    return [{ afterMs: 1_000, final: { answer: "x", usage: { inTokens: 0, outTokens, usdMicros: outTokens } } }];
  },
};
const wanted = (promptJson: string): number => Number((JSON.parse(promptJson) as { prompt: string }).prompt);

async function ask(
  sim: Simulation,
  streams: Readonly<Record<string, number>>,
): Promise<readonly (object | undefined)[]> {
  const socket = sim.connect();
  for (const [stream, tokens] of Object.entries(streams)) {
    socket.send(syn({ stream, prompt: String(tokens) }));
    await sim.clock.advance(10);
  }
  await sim.clock.until(() => Object.keys(streams).every((stream) => socket.end(stream) !== undefined));
  return Object.keys(streams).map((stream) => {
    const end = socket.end(stream);
    return { flag: end?.flags[0], usd: end?.telemetry?.usd, code: (end?.payload?.content as { code?: string }).code };
  });
}

describe("a budget that is nearly spent", () => {
  const tenants = { default: { budget: { usdMicros: 1_000 } } };

  it("A7.3 waits for what running work may give back, rather than cut an answer that would be short of its quote", async () => {
    const sim = createSimulation({ adapters: [speaker], tenants });
    // 600 are held; b asks for 500 and 400 are left: when a is done, 400 are all that is left, and then b is made smaller.
    expect(await ask(sim, { a: 600, b: 500 })).toEqual([
      { flag: "FIN", usd: 600, code: undefined },
      { flag: "FIN", usd: 400, code: undefined },
    ]);
    expect(sim.adapters.get("speaker")?.calls.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([600, 400]);
    await sim.router.close();
  });

  it("A7.3 a smaller call goes before one that waits", async () => {
    const sim = createSimulation({ adapters: [speaker], tenants });
    await ask(sim, { a: 600, b: 500, c: 300 });
    const order = sim.adapters.get("speaker")?.calls.map(({ promptJson }) => wanted(promptJson));
    expect(order).toEqual([600, 300, 500]);
    await sim.router.close();
  });

  it("A7.2 a whole bill waits as well when its clip would be below the percentile that its adapter told", async () => {
    const careful: AdapterScript = {
      ...speaker,
      estimate: ({ promptJson }) => ({
        inTokens: 0,
        outTokens: wanted(promptJson) / 2,
        usdMicros: wanted(promptJson) / 2,
        p95Tokens: wanted(promptJson),
        p95UsdMicros: wanted(promptJson),
      }),
      answer({ promptJson }) {
        const outTokens = wanted(promptJson) / 2;
        return [{ afterMs: 1_000, final: { answer: "x", usage: { inTokens: 0, outTokens, usdMicros: outTokens } } }];
      },
    };
    const sim = createSimulation({ adapters: [careful], tenants });
    await ask(sim, { first: 1_120 });
    // 560 are spent and 100 held: the 340 that are left are more than the mean of b, and less than it may need.
    expect(await ask(sim, { a: 100, b: 480 })).toMatchObject([{ usd: 50 }, { usd: 240 }]);
    expect(sim.adapters.get("speaker")?.calls.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([1_000, 100, 390]);
    await sim.router.close();
  });

  it("A7.2 what is freed goes to a call that runs short before one that has not begun", async () => {
    const whole = (id: string, held: number, spent: number, endMs: number): AdapterScript => ({
      id,
      estimate: { inTokens: 0, outTokens: held, usdMicros: held },
      answer({ maxOutputTokens }) {
        const outTokens = Math.min(spent, maxOutputTokens);
        return [{ afterMs: endMs, final: { answer: id, usage: { inTokens: 0, outTokens, usdMicros: outTokens } } }];
      },
    });
    const piece = { afterMs: 100, text: "ten tokens", usage: { inTokens: 0, outTokens: 10, usdMicros: 10 } };
    const adapters: readonly AdapterScript[] = [
      // It says three times its quote, and is short after 1.4 s.
      {
        id: "short",
        estimate: { inTokens: 0, outTokens: 100, usdMicros: 100, cancelsCleanly: true },
        answer: [...Array.from({ length: 30 }, () => piece), { final: {} }],
      },
      whole("busy", 400, 400, 10_000),
      // It gives back 350 of its 370 after 1.5 s.
      whole("early", 370, 20, 1_500),
      whole("late", 350, 350, 100),
    ];
    const routes = adapters.map(({ id }) => ({ match: { taskType: id }, strategy: "single" as const, adapters: [id] }));
    const sim = createSimulation({ adapters, routes, tenants });
    const socket = sim.connect();
    for (const stream of adapters.map(({ id }) => id)) {
      socket.send(syn({ stream, meta: { task_type: stream } }));
      await sim.clock.advance(10);
    }
    await sim.clock.advance(1_000);
    // The late one waits, and did so before the other ran short.
    expect(sim.adapters.get("late")?.calls).toEqual([]);
    await sim.clock.until(() => socket.end("short") !== undefined);
    expect(socket.end("short")).toMatchObject({ flags: ["FIN"], telemetry: { usd: 300 } });
    await sim.clock.until(() => socket.end("late") !== undefined);
    expect((await sim.router.budgets()).tenants["default"]?.posted.usd_micros).toBeLessThanOrEqual(1_000);
    await sim.router.close();
  });

  it("A7.7 what is spent for good is refused at once, with the limit and what would help", async () => {
    const sim = createSimulation({ adapters: [speaker], tenants });
    expect(await ask(sim, { a: 1_000, b: 500 })).toMatchObject([
      { usd: 1_000 },
      { flag: "RST", usd: 0, code: "EBUDGET" },
    ]);
    await sim.router.close();
  });
});
