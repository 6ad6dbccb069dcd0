import { describe, expect, it } from "vitest";
import { allocate } from "../../src/learning/allocate.js";
import { decideTask } from "../../src/learning/answer-policy.js";
import { checkPolicy } from "../../src/learning/check-policy.js";
import { families, fitTask, plainVotes, promptVotes } from "../../src/learning/fit-task.js";
import { runGains, valueBasis } from "../../src/learning/fit-value.js";
import { fitVotes } from "../../src/learning/fit-votes.js";
import { outcomesOf, randomOf } from "../../src/learning/outcomes.js";
import type { OutcomeRow, Outcomes } from "../../src/learning/outcomes.js";
import { fitPromptChoice, gapsOf, promptSet } from "../../src/learning/prompt-choice.js";
import { promptFeatures } from "../../src/learning/prompt-features.js";
import { emptyTable, fillTable } from "../../src/learning/subset-table.js";
import { posterior } from "../../src/learning/vote-model.js";
import type { SeenAnswer } from "../../src/learning/vote-model.js";

const adapters = ["weak", "copy of weak", "fair", "strong"];
const prices = [10, 10, 100, 1_000];
const keys: (string | null)[][] = [];

/** A weak adapter, its copy, a fair and a strong one; long prompts are hard for the fair one; sometimes one says nothing. */
function world(rows: number, seed: number): Outcomes {
  const random = randomOf(seed);
  const table = Array.from({ length: rows }, (_, row): OutcomeRow => {
    const hard = random() < 0.5;
    const wrong = (): string => `wrong ${Math.floor(random() * 2)}`;
    const say = (p: number): string | null => (random() < 0.03 ? null : random() < p ? "right" : wrong());
    const weak = say(0.55);
    const answers = [weak, weak, say(hard ? 0.5 : 0.9), say(0.9)];
    keys[row] = answers;
    return {
      prompt: promptFeatures(hard ? "Why? ".repeat(60 + Math.floor(random() * 20)) : "Why?"),
      answers: answers.map((answerKey, m) => ({
        answerKey,
        correct: answerKey === "right",
        usdMicros: prices[m] ?? 0,
        outputTokens: 20 + Math.floor(random() * 10),
      })),
    };
  });
  return outcomesOf(adapters, table);
}

const data = world(200, 11);
const all = Int32Array.from({ length: data.rows }, (_, row) => row);
const folds = [0, 1, 2, 3].map((fold) => all.filter((row) => row % 4 === fold));
const seenOf = (row: number, mask: number): SeenAnswer[] =>
  adapters.flatMap((adapter, m) =>
    (mask & (1 << m)) === 0
      ? []
      : [
          {
            adapter,
            answerKey: keys[row]?.[m] ?? null,
            outputTokens: Math.round(Math.exp(data.logLength[row * adapters.length + m] ?? 0) - 1),
          },
        ],
  );

describe("fitVotes", () => {
  it("gives a copy and what it copies together no more than one of them alone", () => {
    const votes = fitVotes(data, all, plainVotes);
    const prompt = promptFeatures("Why?");
    const said = (adapter: string, answerKey: string): SeenAnswer => ({ adapter, answerKey });
    const against = (supporters: readonly string[]): number =>
      posterior(votes, prompt, [said("fair", "a"), ...supporters.map((name) => said(name, "b"))]).groups.find(
        ({ answerKey }) => answerKey === "b",
      )?.probability ?? 0;
    expect(against(["strong"])).toBeGreaterThan(0.5);
    expect(against(["weak", "copy of weak"])).toBeLessThan(0.5);
    expect(against(["weak", "copy of weak"])).toBeLessThan(against(["weak"]) + 0.08);
  });

  it("is calibrated on rows that it was fitted on", () => {
    const table = emptyTable(data);
    fillTable(table, data, all, fitVotes(data, all, { ...plainVotes, ridge: 0.5 }));
    let expected = 0;
    let right = 0;
    for (const row of all) {
      expected += table.first[row * table.sets + 15] ?? 0;
      right += table.right[row * table.sets + 15] ?? 0;
    }
    expect(Math.abs(expected - right) / all.length).toBeLessThan(0.03);
  });

  it.each([
    ["plain", plainVotes],
    ["with pairs", { ...plainVotes, pairs: true }],
    ["with prompts", promptVotes],
  ])("gives tables what posterior gives one set at a time: %s", (_, options) => {
    const votes = fitVotes(data, all, { ...options, iterations: 15 });
    const table = emptyTable(data);
    fillTable(table, data, all, votes);
    for (const row of [0, 7, 100, 199])
      for (let mask = 1; mask < 16; mask++) {
        const one = posterior(votes, data.prompts[row] ?? promptFeatures(""), seenOf(row, mask));
        expect(table.none[row * 16 + mask]).toBeCloseTo(one.none, 9);
        expect(table.first[row * 16 + mask]).toBeCloseTo(one.groups[0]?.probability ?? 0, 9);
        expect(table.second[row * 16 + mask]).toBeCloseTo(one.groups[1]?.probability ?? 0, 9);
      }
  });
});

describe("fitTask", () => {
  it.each(families)("of $name gives a policy that can be written and read, and mixes adapters", (family) => {
    const { policy } = fitTask(data, all, folds, { families: [family], prices: [2_000, 8_000, 20_000] });
    expect(checkPolicy(JSON.parse(JSON.stringify({ version: 1, tasks: { t: policy } })))).toMatchObject({ ok: true });
    expect(policy.champion).toBe("strong");
    expect(policy.points.at(-1)?.accuracy).toBeGreaterThan(0.84);
    expect(policy.points.length).toBeGreaterThan(2);
    // Choosing by a price the router asks the same way as at the point itself.
    const decision = decideTask(policy, {
      prompt: promptFeatures("Why?"),
      seen: [],
      candidates: adapters.map((name) => ({ name })),
      aim: { priceOfErrorUsdMicros: 20_000 },
      draw: 0,
    });
    expect(decision.do).toBe("ask");
  });

  it("decides as the fit simulated it", () => {
    const family = families.find(({ votes }) => votes.prompt);
    if (family === undefined) throw new Error("no family with prompts");
    const { policy } = fitTask(data, all, folds, { families: [family], prices: [5_000] });
    const point = policy.points.find(({ rule }) => rule.kind === "value");
    if (point?.rule.kind !== "value") throw new Error("no value rule on the hull");
    const table = emptyTable(data);
    fillTable(table, data, all, policy.votes);
    const basis = valueBasis(table, data, all, true, 3);
    // The same scale as the rule's, which was fitted on the table out of fold.
    const raw = basis.features;
    for (let at = 0; at < raw.length; at += basis.size)
      for (let i = 0; i < basis.size - 1; i++) {
        const value = (raw[at + i] ?? 0) * (basis.deviation[i] ?? 0) + (basis.mean[i] ?? 0);
        const deviation = point.rule.deviation[i] ?? 0;
        raw[at + i] = deviation > 0 ? (value - (point.rule.mean[i] ?? 0)) / deviation : 0;
      }
    const gains = point.rule.gain.map((stage) => stage.map((weights) => Float64Array.from(weights)));
    let same = 0;
    for (const row of all) {
      let mask = 0;
      for (;;) {
        const decision = decideTask(
          { ...policy, points: [point] },
          {
            prompt: data.prompts[row] ?? promptFeatures(""),
            seen: seenOf(row, mask),
            candidates: adapters.map((name) => ({ name })),
            aim: { budgetUsdMicros: Infinity },
            draw: 0,
          },
        );
        if (decision.do === "answer") break;
        mask |= 1 << adapters.indexOf(decision.adapter);
      }
      if (runGains(basis, gains, table, data, row).mask === mask) same++;
    }
    // Clipping twice moves a few.
    expect(same / all.length).toBeGreaterThan(0.95);
  });
});

describe("allocate", () => {
  it("spends the whole budget where it brings the most", () => {
    const { policy } = fitTask(data, all, folds, { families: families.slice(0, 1), prices: [500, 2_000, 20_000] });
    const budgets = allocate(
      [
        { policy, share: 0.25 },
        { policy, share: 0.75 },
      ],
      300,
    );
    expect(0.25 * (budgets[0] ?? 0) + 0.75 * (budgets[1] ?? 0)).toBeCloseTo(300, 6);
    expect(allocate([{ policy, share: 1 }], 1e9)[0]).toBeCloseTo(policy.points.at(-1)?.usdMicros ?? 0, 6);
  });
});

describe("a choice by the prompt", () => {
  it("finds which words need the stronger adapter", () => {
    const random = randomOf(3);
    const hard = Array.from({ length: 300 }, () => random() < 0.5);
    const set = promptSet(
      hard.map((is, i) => ({ text: `${is ? "integrate the function" : "add the numbers"} ${i}`, category: "" })),
      1_024,
    );
    const gap = hard.map((is) => (random() < (is ? 0.6 : 0.1) ? 1 : 0));
    const fit = Int32Array.from({ length: 200 }, (_, i) => i);
    const rest = Int32Array.from({ length: 100 }, (_, i) => 200 + i);
    const gaps = gapsOf(fitPromptChoice(set, fit, gap, { category: 0.3, shape: 0.3, ridge: 3 }), set, rest);
    const mean = (of: boolean): number => {
      const own = [...gaps].filter((_, i) => hard[200 + i] === of);
      return own.reduce((sum, value) => sum + value, 0) / own.length;
    };
    expect(mean(true) - mean(false)).toBeGreaterThan(0.3);
  });
});
