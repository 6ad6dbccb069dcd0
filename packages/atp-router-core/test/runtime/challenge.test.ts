import { describe, expect, it } from "vitest";
import { drawOf } from "../../src/learning/index.js";
import { createMetrics } from "../../src/node/metrics.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript } from "../../src/testing/index.js";

const usd = { old: 100, new: 70 } as const;

/** Two adapters: the champion is right as often as `old`, the challenger as often as `new`. */
function trial(able: { readonly old: number; readonly new: number }, tenants: object = {}) {
  const says = (name: "old" | "new"): AdapterScript => ({
    id: name,
    estimate: { usdMicros: usd[name], outTokens: 5, confidence: name === "new" ? 0.99 : 0.9 },
    answer: ({ promptJson }) => {
      const n = /q(\d+)/.exec(promptJson)?.[1] ?? "";
      const answer = drawOf(`${name} knows ${n}`) < able[name] ? `right ${n}` : `${name} errs at ${n}`;
      return [{ final: { answer, usage: { inTokens: 10, outTokens: 5, usdMicros: usd[name] } } }];
    },
  });
  const sim = createSimulation({
    adapters: [says("old"), says("new")],
    tenants: { default: {}, operator: {}, ...tenants },
    learning: { mode: "observe", replica: "r1", challenge: { champion: "old", challenger: "new", share: 0.05 } },
  });
  const socket = sim.connect();
  async function ask(n: number) {
    const stream = `st${n}`;
    socket.send(syn({ stream, session: "s1", qos: "silver", prompt: `q${n}`, meta: { task_type: "qa" } }));
    await sim.clock.until(() => socket.end(stream) !== undefined);
    const end = socket.end(stream);
    const { content } = end?.payload as unknown as { content: { adapter: string; answer: string } };
    return { content, telemetry: end?.telemetry, stream };
  }
  async function judge(stream: string, word: object): Promise<void> {
    socket.send({
      v: 1,
      session_id: "s1",
      stream_id: stream,
      msg_seq: 2,
      flags: [],
      payload: { type: "agent.feedback", content: word },
    });
    await sim.clock.advance(5);
  }
  const asked = (name: "old" | "new"): number => sim.adapters.get(name)?.calls.length ?? 0;
  return { sim, ask, judge, asked, state: () => sim.router.learning?.challenge() };
}

describe("a challenger in shadow", () => {
  it("is asked on its share of the requests, answers no client, and costs none of them anything", async () => {
    const { ask, asked, sim } = trial({ old: 0.5, new: 0.5 });
    for (let n = 0; n < 300; n++) {
      const { content, telemetry } = await ask(n);
      expect(content.adapter).toBe("old");
      expect(telemetry?.usd).toBe(usd.old);
      expect(telemetry?.adapters?.map(({ name }) => name)).toEqual(["old"]);
    }
    await sim.clock.advance(100);
    expect(asked("old")).toBe(300);
    expect(asked("new")).toBeGreaterThan(4);
    expect(asked("new")).toBeLessThan(30);
    const { tenants } = await sim.router.budgets();
    expect(tenants["default"]?.posted.usd_micros).toBe(300 * usd.old);
    expect(tenants["operator"]?.posted.usd_micros).toBe(asked("new") * usd.new);
  });

  it("takes the champion's place when readers' verdicts show that it is better", async () => {
    const { ask, judge, state, asked, sim } = trial({ old: 0.3, new: 1 });
    let n = 0;
    for (; n < 4_000 && state()?.verdict === "running"; n++) {
      const { content, stream } = await ask(n);
      await sim.clock.advance(5);
      await judge(stream, { rating: content.answer.startsWith("right") ? 1 : 0, correct: `right ${n}` });
    }
    expect(state()).toMatchObject({ verdict: "promoted", lost: 0 });
    expect(state()?.tried).toBe(asked("new"));
    expect((await ask(n)).content.adapter).toBe("new");
  }, 30_000);

  it("is given up when it is worse, and shows in metrics", async () => {
    const { ask, judge, state, sim, asked } = trial({ old: 1, new: 0.3 });
    let n = 0;
    for (; n < 2_000 && state()?.verdict === "running"; n++) {
      const { stream } = await ask(n);
      await sim.clock.advance(5);
      await judge(stream, { rating: 1, correct: `right ${n}` });
    }
    expect(state()).toMatchObject({ verdict: "rejected", won: 0 });
    const before = asked("new");
    for (let more = 0; more < 60; more++) expect((await ask(++n)).content.adapter).toBe("old");
    expect(asked("new")).toBe(before);
    const metrics = createMetrics();
    metrics.follow(sim.router);
    const text = await metrics.metrics();
    expect(text).toContain('atp_challenge_verdict{champion="old",challenger="new"} -1');
    expect(text).toMatch(/atp_challenge_requests\{champion="old",challenger="new",result="lost"\} [1-9]/);
  }, 30_000);

  it("is not judged by ratings alone, which could only ever speak against it", async () => {
    const { ask, judge, state, sim } = trial({ old: 1, new: 0 });
    for (let n = 0; n < 150; n++) {
      const { stream } = await ask(n);
      await sim.clock.advance(5);
      await judge(stream, { rating: 1 });
    }
    expect(state()).toMatchObject({ tried: 0, won: 0, lost: 0, verdict: "running" });
  });

  it("waits for the operator's budget, not for the client's", async () => {
    const { ask, asked, state } = trial({ old: 1, new: 1 }, { operator: { budget: { usdMicros: 0 } } });
    for (let n = 0; n < 100; n++) expect((await ask(n)).content.adapter).toBe("old");
    expect(asked("new")).toBe(0);
    expect(state()?.tried).toBe(0);
  });

  it.each([0, 0.009, 0.06, Number.NaN])("is refused with a share of %s", (share) => {
    const challenge = { champion: "a", challenger: "b", share };
    expect(() => createSimulation({ adapters: [], learning: { mode: "observe", challenge } })).toThrow("0.01 to 0.05");
  });
});
