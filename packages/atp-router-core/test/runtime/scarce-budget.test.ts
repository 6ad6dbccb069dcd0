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

  it("A7.7 what is spent for good is refused at once, with the limit and what would help", async () => {
    const sim = createSimulation({ adapters: [speaker], tenants });
    expect(await ask(sim, { a: 1_000, b: 500 })).toMatchObject([
      { usd: 1_000 },
      { flag: "RST", usd: 0, code: "EBUDGET" },
    ]);
    await sim.router.close();
  });
});
