import { fitPromptChoice, gapsOf, promptSet, randomOf, type PromptChoiceOptions } from "atp-router-core/learning";
import { percentile } from "../harness/stats.js";
import type { Interval } from "./bootstrap.js";
import { loadPrices, loadRows, modelsOf, type RecordedRow } from "./rows.js";
import { bestOf, foldsOf, singlesOf, tableOf } from "./tables.js";
import type { TaskRequest } from "./task-run.js";

/** How a choice between two models is fitted: by words and shape, or by shape and subject alone. */
const options: readonly PromptChoiceOptions[] = [
  { category: 0.3, shape: 0.3, ridge: 3 },
  { category: 0.3, shape: 0.3, ridge: 10 },
  { category: 0.3, shape: 2, words: 0, ridge: 20 },
];
const BUCKETS = 32_768;

/**
 * Average performance gap recovered: the share of the way from the weaker model's accuracy to the stronger's, averaged over all
 * shares of prompts that go to the stronger, those with the largest scores first. Random scores give 0.5.
 */
export function apgr(scores: ArrayLike<number>, gap: ArrayLike<number>): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const total = order.reduce((sum, i) => sum + (gap[i] ?? 0), 0);
  let reached = 0;
  let area = 0;
  for (const i of order) {
    area += reached + (gap[i] ?? 0) / 2;
    reached += gap[i] ?? 0;
  }
  return area / total / order.length;
}

/** Scores every row by a choice that was not fitted on it. */
export function runPromptOnly(request: TaskRequest): Interval {
  const prices = loadPrices(request.train);
  const rows = loadRows(request.train, request.task);
  const fresh = request.test === undefined ? [] : loadRows(request.test, request.task);
  const both = [...rows, ...fresh];
  const table = tableOf(rows, modelsOf(both), prices);
  const strong = bestOf(singlesOf(table, table.all)).model;
  const weak = table.data.adapters.find((model) => model !== strong) ?? strong;
  const right = (row: RecordedRow, model: string): number => (row.answers[model]?.correct === true ? 1 : 0);
  const gap = Float64Array.from(both, (row) => right(row, strong) - right(row, weak));
  const set = promptSet(
    both.map((row) => ({ text: row.prompt, category: row.category ?? "" })),
    BUCKETS,
  );
  const scored: { row: number; score: number }[] = [];
  const score = (fitRows: Int32Array, rowsToScore: Int32Array): void => {
    const model = fitPromptChoice(set, fitRows, gap, pick(fitRows));
    gapsOf(model, set, rowsToScore).forEach((value, i) => scored.push({ row: rowsToScore[i] ?? 0, score: value }));
  };
  /** The first of the options that falls short of the best by at most one standard error, fold by fold over two partings. */
  const pick = (fitRows: Int32Array): PromptChoiceOptions => {
    const folds = ["choice 1", "choice 2"].flatMap((parting) => foldsOf(both, fitRows, 5, parting));
    const values = options.map((option) =>
      folds.map((fold) => {
        const held = new Set(fold);
        const rest = fitRows.filter((row) => !held.has(row));
        const gaps = Float64Array.from(fold, (row) => gap[row] ?? 0);
        return apgr(gapsOf(fitPromptChoice(set, rest, gap, option), set, fold), gaps);
      }),
    );
    const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
    const top = values.reduce((one, other) => (mean(other) > mean(one) ? other : one));
    const chosen = values.findIndex((list) => {
      const short = list.map((value, fold) => (top[fold] ?? 0) - value);
      const variance = mean(short.map((value) => (value - mean(short)) ** 2));
      return mean(short) <= Math.sqrt(variance / (short.length - 1)) + 1e-12;
    });
    return options[chosen] ?? (options[0] as PromptChoiceOptions);
  };
  if (request.test !== undefined)
    score(
      table.all,
      Int32Array.from(fresh, (_, i) => rows.length + i),
    );
  else
    for (const fold of foldsOf(rows, table.all, 5, "outer")) {
      const held = new Set(fold);
      score(
        table.all.filter((row) => !held.has(row)),
        fold,
      );
    }
  return intervalOf(
    scored.map((one) => one.score),
    scored.map(({ row }) => gap[row] ?? 0),
  );
}

function intervalOf(scores: readonly number[], gaps: readonly number[]): Interval {
  const random = randomOf(3);
  const drawn = Array.from({ length: 200 }, () => {
    const rows = scores.map(() => Math.floor(random() * scores.length));
    return apgr(
      rows.map((row) => scores[row] ?? 0),
      rows.map((row) => gaps[row] ?? 0),
    );
  });
  return { value: apgr(scores, gaps), low: percentile(drawn, 0.025), high: percentile(drawn, 0.975) };
}
