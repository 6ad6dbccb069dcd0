import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideNext, drawOf, operatingPoint } from "../../src/learning/answer-policy.js";
import type { AnswerPolicy, DecideInput, TaskPolicy } from "../../src/learning/answer-policy.js";
import { promptFeatures } from "../../src/learning/prompt-features.js";
import { neutralVotes } from "../../src/learning/vote-model.js";
import type { SeenAnswer, VoteModel } from "../../src/learning/vote-model.js";

const adapters = ["cheap", "middle", "dear"];
const votes: VoteModel = { ...neutralVotes(adapters), weight: [1, 1.5, 3], dissent: [0.2, 0.3, 0.5] };
const task: TaskPolicy = {
  adapters,
  usdMicros: [10, 100, 1_000],
  champion: "dear",
  votes,
  points: [
    { usdMicros: 10, accuracy: 0.6, rule: { kind: "cascade", order: ["cheap"], thresholds: [] } },
    { usdMicros: 300, accuracy: 0.8, rule: { kind: "cascade", order: adapters, thresholds: [0.9, 0.8] } },
    { usdMicros: 1_000, accuracy: 0.85, rule: { kind: "cascade", order: ["dear"], thresholds: [] } },
  ],
};
const policy: AnswerPolicy = { version: 1, tasks: { sums: task } };
const input = (seen: readonly SeenAnswer[], more: Partial<DecideInput> = {}): DecideInput => ({
  task: "sums",
  prompt: promptFeatures("What is 3 + 4?"),
  seen,
  candidates: adapters.map((name) => ({ name })),
  aim: { budgetUsdMicros: 300 },
  draw: 0,
  ...more,
});
const said = (adapter: string, answerKey: string | null): SeenAnswer => ({ adapter, answerKey });

describe("a cascade", () => {
  it.each([
    { name: "starts with the first", seen: [], next: "cheap" },
    { name: "goes on under its threshold", seen: [said("cheap", "7")], next: "middle" },
    { name: "goes on when they differ", seen: [said("cheap", "7"), said("middle", "8")], next: "dear" },
    { name: "stops when they agree", seen: [said("cheap", "7"), said("middle", "7")], answer: "7" },
    { name: "goes on when nobody answered", seen: [said("cheap", null), said("middle", null)], next: "dear" },
    {
      name: "ends with the likeliest",
      seen: [said("cheap", "7"), said("middle", "8"), said("dear", "9")],
      answer: "9",
    },
    { name: "ends without any", seen: adapters.map((name) => said(name, null)), answer: null },
  ])("$name", ({ seen, next, answer }) => {
    const decision = decideNext(policy, input(seen));
    if (next !== undefined) expect(decision).toMatchObject({ do: "ask", adapter: next });
    else expect(decision).toMatchObject({ do: "answer", answerKey: answer });
  });

  it("skips who cannot be asked", () => {
    const candidates = [{ name: "dear" }, { name: "middle" }];
    expect(decideNext(policy, input([], { candidates }))).toMatchObject({ adapter: "middle" });
  });
});

describe("a task nobody configured", () => {
  it.each([
    { name: "asks the cheapest first", seen: [], next: "cheap" },
    { name: "asks for a second opinion", seen: [said("cheap", "7")], next: "middle" },
    { name: "stops when two agree", seen: [said("cheap", "7"), said("middle", "7")], answer: "7" },
    { name: "asks a third when they differ", seen: [said("cheap", "7"), said("middle", "8")], next: "dear" },
  ])("$name", ({ seen, next, answer }) => {
    const candidates = adapters.map((name, i) => ({ name, usdMicros: 10 ** i }));
    for (const unknown of ["other", "__proto__", "constructor"]) {
      const decision = decideNext(policy, input(seen, { task: unknown, candidates }));
      if (next !== undefined) expect(decision).toMatchObject({ do: "ask", adapter: next });
      else expect(decision).toMatchObject({ do: "answer", answerKey: answer });
    }
  });
});

describe("an aim", () => {
  it("as a price takes the point that is worth the most", () => {
    expect(operatingPoint(task, { priceOfErrorUsdMicros: 100 }, 0)?.usdMicros).toBe(10);
    expect(operatingPoint(task, { priceOfErrorUsdMicros: 3_000 }, 0)?.usdMicros).toBe(300);
    expect(operatingPoint(task, { priceOfErrorUsdMicros: 100_000 }, 0)?.usdMicros).toBe(1_000);
  });

  it("as a budget is met on average by the points beside it", () => {
    let spent = 0;
    for (let i = 0; i < 4_000; i++)
      spent += operatingPoint(task, { budgetUsdMicros: 650 }, drawOf(`request-${i}`))?.usdMicros ?? 0;
    expect(spent / 4_000 / 650).toBeGreaterThan(0.97);
    expect(spent / 4_000 / 650).toBeLessThan(1.03);
  });

  it("beyond all points takes the last, under all the first", () => {
    expect(operatingPoint(task, { budgetUsdMicros: 1e9 }, 0.5)?.usdMicros).toBe(1_000);
    expect(operatingPoint(task, { budgetUsdMicros: 0 }, 0.5)?.usdMicros).toBe(10);
  });
});

it("every question ends after at most one call of each", () => {
  const key = fc.constantFrom("7", "8", null);
  fc.assert(
    fc.property(fc.array(key, { minLength: 3, maxLength: 3 }), fc.nat(2_000), (keys, budgetUsdMicros) => {
      const seen: SeenAnswer[] = [];
      for (;;) {
        const decision = decideNext(policy, input(seen, { aim: { budgetUsdMicros } }));
        if (decision.do === "answer") break;
        expect(seen.map(({ adapter }) => adapter)).not.toContain(decision.adapter);
        seen.push(said(decision.adapter, keys[seen.length] ?? null));
      }
    }),
    { numRuns: 50 },
  );
});
