import { drawOf, neutralTask, randomOf, type TaskPolicy } from "atp-router-core/learning";
import { describe, expect, it } from "vitest";
import { bootstrap } from "../../src/answers/bootstrap.js";
import { picture } from "../../src/answers/picture.js";
import { playPoint } from "../../src/answers/play.js";
import { apgr } from "../../src/answers/prompt-only.js";
import type { RecordedRow } from "../../src/answers/rows.js";
import { spend } from "../../src/answers/spend.js";
import { foldsOf, poolOf, tableOf } from "../../src/answers/tables.js";
import type { Part } from "../../src/answers/task-run.js";

const prices = { cheap: { in: 1, out: 1 }, dear: { in: 10, out: 10 } };
const row = (id: number, cheapRight: boolean): RecordedRow => ({
  id: `q${id}`,
  task: "sums",
  prompt: `What is ${id >> 1}?`,
  reference: "1",
  answers: {
    cheap: { answer: cheapRight ? "1" : "2", correct: cheapRight, inputTokens: 10, outputTokens: 10 },
    dear: { answer: "1", correct: true, inputTokens: 10, outputTokens: 10 },
  },
});
const rows = Array.from({ length: 200 }, (_, id) => row(id, id % 3 !== 0));

describe("APGR", () => {
  const random = randomOf(1);
  const gap = Array.from({ length: 4_000 }, () => (random() < 0.2 ? 1 : 0));

  it("is a half for scores that know nothing, and more for those that know", () => {
    expect(
      apgr(
        gap.map(() => random()),
        gap,
      ),
    ).toBeCloseTo(0.5, 1);
    expect(apgr(gap, gap)).toBeCloseTo(0.9, 1);
  });
});

it("the interval of a mean holds the mean, and is as wide as its error says", () => {
  const column = Float64Array.from({ length: 400 }, (_, i) => i % 2);
  const { value, low, high } = bootstrap([column], ([mean = 0]) => mean);
  expect(value).toBe(0.5);
  expect(high - low).toBeGreaterThan(0.07);
  expect(high - low).toBeLessThan(0.13);
});

describe("folds and pools", () => {
  const table = tableOf(rows, ["cheap", "dear"], prices);

  it("keep rows of one prompt together, and every row once", () => {
    const folds = foldsOf(rows, table.all, 5, "salt");
    expect(folds.flatMap((fold) => [...fold]).sort((a, b) => a - b)).toEqual([...table.all]);
    for (const fold of folds) for (const one of fold) expect(fold).toContain(one ^ 1);
  });

  it("drop who is worse than somebody cheaper first", () => {
    expect(poolOf(table, table.all, 1)).toEqual(["cheap"]);
    expect(poolOf(table, table.all, 2)).toEqual(["cheap", "dear"]);
  });
});

it("a played question pays for what it asked, and is right by its winner", () => {
  const policy = neutralTask([
    { name: "cheap", usdMicros: 20 },
    { name: "dear", usdMicros: 200 },
  ]);
  expect(playPoint(policy, 0, row(1, true), prices)).toEqual({ right: 1, usdMicros: 220, calls: 2 });
  expect(playPoint(policy, 0, row(0, false), prices).calls).toBe(2);
});

describe("spending under a budget", () => {
  const point = (usdMicros: number, accuracy: number): TaskPolicy["points"][number] => ({
    usdMicros,
    accuracy,
    rule: { kind: "cascade", order: ["cheap"], thresholds: [] },
  });
  const policy: TaskPolicy = { ...neutralTask([{ name: "cheap" }]), points: [point(20, 0.6), point(200, 1)] };
  const count = 1_000;
  // What it really costs is 30% more than was known.
  const part = {
    rows: count,
    ids: Array.from({ length: count }, (_, i) => `id ${i} ${drawOf(String(i))}`),
    policy,
    right: Float64Array.from({ length: 2 * count }, (_, i) => (i < count ? 0 : 1)),
    usdMicros: Float64Array.from({ length: 2 * count }, (_, i) => (i < count ? 26 : 260)),
  } as unknown as Part;

  it.each([60, 100, 180])("of %d a question holds it, though prices were known wrongly", (budget) => {
    const { usdMicros } = spend([part], budget);
    const mean = (usdMicros[0] ?? new Float64Array()).reduce((sum, value) => sum + value, 0) / count;
    expect(mean / budget).toBeGreaterThan(0.95);
    expect(mean / budget).toBeLessThan(1.05);
  });
});

it("the picture is SVG with a line for each curve", () => {
  const points = [{ cost: 10, points: -3, low: -4, high: -2 }];
  const svg = picture([
    { name: "one", points },
    { name: "two", points },
  ]);
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  expect(svg.startsWith("<svg") && svg.trimEnd().endsWith("</svg>")).toBe(true);
});
