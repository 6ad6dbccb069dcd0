import { beforeAll, describe, expect, it } from "vitest";
import { askOnly, cheapest, drawOf, evaluate, fitted, neutralVotes, parseRecords } from "../../src/learning/index.js";
import type { AnswerPolicy, DecisionRecord } from "../../src/learning/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript } from "../../src/testing/index.js";

const abilities = { cheap: 0.55, fair: 0.75, dear: 0.92 } as const;
type Name = keyof typeof abilities;
const names = Object.keys(abilities) as Name[];
const prices: Readonly<Record<Name, number>> = { cheap: 10, fair: 60, dear: 400 };
const questions = 400;
const isRight = (name: Name, n: number): boolean => drawOf(`${name} knows ${n}`) < abilities[name];
/** Dearer questions cost half more than cheaper ones, of every adapter alike. */
const costOf = (name: Name, n: number): number => Math.round(prices[name] * (0.75 + (n % 3) * 0.25));
const mean = (of: (n: number) => number): number =>
  Array.from({ length: questions }, (_, n) => of(n)).reduce((a, b) => a + b, 0) / questions;

/** Lines as a router with `learning.records_file` writes them, of one that really ran. */
async function recorded(): Promise<string[]> {
  const adapters = names.map((id): AdapterScript => {
    const question = (json: string): number => Number(/q(\d+)/.exec(json)?.[1]);
    return {
      id,
      estimate: ({ promptJson }) => ({ usdMicros: costOf(id, question(promptJson)), outTokens: 5, confidence: 0.5 }),
      answer: (call) => {
        const n = question(call.promptJson);
        const answer = isRight(id, n) ? `right ${n}` : `${id} errs at ${n}`;
        return [{ final: { answer, usage: { inTokens: 10, outTokens: 5, usdMicros: costOf(id, n) } } }];
      },
    };
  });
  const sim = createSimulation({
    adapters,
    learning: { mode: "apply", replica: "r1", exploreFirst: 5, exploreShare: 0.2, valueUsdMicros: { qa: 2_000 } },
  });
  const socket = sim.connect();
  for (let n = 0; n < questions; n++) {
    const stream = `st${n}`;
    socket.send(syn({ stream, session: "s1", qos: "silver", prompt: `q${n}`, meta: { task_type: "qa" } }));
    await sim.clock.until(() => socket.end(stream) !== undefined);
    const { content } = socket.end(stream)?.payload as unknown as {
      content: { consensus: { support: string[]; dissent: { adapters: string[] }[] } };
    };
    const asked = [
      ...content.consensus.support,
      ...content.consensus.dissent.flatMap(({ adapters: all }) => all),
    ] as Name[];
    const chosen = asked.find((name) => isRight(name, n));
    socket.send({
      v: 1,
      session_id: "s1",
      stream_id: stream,
      msg_seq: 2,
      flags: [],
      payload: { type: "agent.feedback", content: chosen === undefined ? { rating: 0 } : { chosen } },
    });
    await sim.clock.advance(1);
  }
  return sim.observations.flatMap((o) =>
    o.t === "stream.decision"
      ? [JSON.stringify({ key: o.key, ...o.record })]
      : o.t === "stream.judged"
        ? [JSON.stringify({ key: o.key, verdict: { groups: o.groups, truth: o.truth } })]
        : [],
  );
}

describe("decision records of a router that ran", () => {
  let lines: string[];
  let records: readonly DecisionRecord[];
  beforeAll(async () => {
    lines = await recorded();
    ({ records } = parseRecords(lines));
  }, 30_000);

  it("hold a verdict, features and chances that add up to at most 1 and fit what was done", () => {
    expect(records).toHaveLength(questions);
    const verdicts = records.filter(({ truth }) => !("unknown" in truth));
    expect(verdicts).toHaveLength(questions);
    for (const { chances = [], calls, features } of records) {
      expect(features.values.length).toBeGreaterThan(5);
      chances.forEach((of, step) => {
        const sum = Object.values(of).reduce((a, b) => a + b, 0);
        expect(sum).toBeLessThanOrEqual(1 + 1e-9);
        if (calls[step] !== undefined) expect(of[calls[step].adapter]).toBeGreaterThan(0);
      });
    }
  });

  it.each(names)("tell what asking only %s would have come to, within the interval", (name) => {
    const told = evaluate(
      records,
      askOnly(() => name),
    );
    const accuracy = mean((n) => (isRight(name, n) ? 1 : 0));
    const usdMicros = mean((n) => costOf(name, n));
    expect(told.accuracy.low).toBeLessThan(accuracy);
    expect(told.accuracy.high).toBeGreaterThan(accuracy);
    expect(Math.abs(told.usdMicros.value - usdMicros) / usdMicros).toBeLessThan(0.03);
    expect(told.effective).toBeGreaterThan(10);
    expect(told.effective).toBeLessThanOrEqual(told.matched + 1e-6);
    expect(told.records).toBeLessThanOrEqual(told.all);
  });

  it("tell the same of the cheapest as of its name", () => {
    expect(evaluate(records, cheapest)).toEqual(
      evaluate(
        records,
        askOnly(() => "cheap"),
      ),
    );
  });

  it("tell of a fitted policy with two calls", () => {
    const order = ["fair", "cheap", "dear"];
    const rule = { kind: "cascade" as const, order, thresholds: [0.8, 0] };
    const policy: AnswerPolicy = {
      version: 1,
      tasks: {
        qa: {
          adapters: order,
          usdMicros: [60, 10, 400],
          champion: "dear",
          votes: neutralVotes(order),
          points: [{ usdMicros: 70, accuracy: 0.8, rule }],
        },
      },
    };
    const told = evaluate(records, fitted(policy, { priceOfErrorUsdMicros: 2_000 }));
    const usdMicros = mean((n) => costOf("fair", n) + costOf("cheap", n));
    expect(told.matched).toBeGreaterThan(0);
    expect(told.usdMicros.low).toBeLessThan(usdMicros);
    expect(told.usdMicros.high).toBeGreaterThan(usdMicros);
  });

  it("say nothing of an adapter that was never asked, and leave broken lines out", () => {
    const none = evaluate(
      records,
      askOnly(() => "nobody"),
    );
    expect(none).toMatchObject({ records: 0, matched: 0, effective: 0 });
    const { records: same, skipped } = parseRecords([...lines, "{ cut", "[]", '{"key": 3}', ""]);
    expect([same.length, skipped]).toEqual([questions, 3]);
  });
});
