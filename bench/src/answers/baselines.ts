import { promptFeatures } from "atp-router-core/learning";
import type { Table } from "./tables.js";
import { bestOf, singlesOf } from "./tables.js";

/** Share of right answers and cost of one way to choose, row by row of the test rows. */
export interface Column {
  readonly right: Float64Array;
  readonly usdMicros: Float64Array;
}

/** Ways to choose that a policy is held beside. */
export const baselineNames = [
  "always best",
  "cheapest",
  "random",
  "majority",
  "weighted majority",
  "two cheapest agree",
  "kNN",
  "oracle",
] as const;
export type Baselines = Readonly<Record<(typeof baselineNames)[number], Column>>;

const NEIGHBOURS = 40;
const CHOICES = 4;

/** What each baseline does with the test rows; what it needs to know it learns from the rows for fitting. */
export function baselinesOf(
  fit: Table,
  fitRows: Int32Array,
  test: Table,
  rows: Int32Array,
  champion?: string,
): Baselines {
  const { data } = test;
  const width = data.adapters.length;
  const singles = singlesOf(fit, fitRows);
  const best = data.adapters.indexOf(champion ?? bestOf(singles).model);
  const cheap = [...singles.keys()].sort((a, b) => (singles[a]?.usdMicros ?? 0) - (singles[b]?.usdMicros ?? 0));
  // Optimal for independent voters that err in one of CHOICES - 1 ways (Nitzan and Paroush 1982).
  const logOdds = singles.map(({ accuracy: p }) =>
    Math.max(0, Math.log(((CHOICES - 1) * Math.max(0.01, p)) / Math.max(0.01, 1 - p))),
  );
  const right = (row: number, m: number): number => data.correct[row * width + m] ?? 0;
  const cost = (row: number, m: number): number => data.usdMicros[row * width + m] ?? 0;
  const group = (row: number, m: number): number => data.group[row * width + m] ?? -1;
  const all = (row: number): number => cheap.reduce((sum, m) => sum + cost(row, m), 0);
  const column = (of: (row: number) => readonly [number, number]): Column => {
    const pairs = Array.from(rows, of);
    return { right: Float64Array.from(pairs, ([r]) => r), usdMicros: Float64Array.from(pairs, ([, c]) => c) };
  };
  /** The member of the heaviest group that is cheapest; of equal groups the one with the cheapest member. */
  const vote = (row: number, weights: readonly number[]): number => {
    const totals = new Float64Array(width);
    for (const m of cheap)
      if (group(row, m) >= 0) totals[group(row, m)] = (totals[group(row, m)] ?? 0) + (weights[m] ?? 0);
    let winner = cheap[0] ?? 0;
    let most = -Infinity;
    for (const m of cheap) {
      const g = group(row, m);
      if (g >= 0 && (totals[g] ?? 0) > most + 1e-12) {
        most = totals[g] ?? 0;
        winner = m;
      }
    }
    return winner;
  };
  const one = data.adapters.map(() => 1);
  const near = nearest(fit, fitRows, test);
  const [first = 0, second = 0] = cheap;
  return {
    "always best": column((row) => [right(row, best), cost(row, best)]),
    cheapest: column((row) => [right(row, first), cost(row, first)]),
    random: column((row) => [cheap.reduce((sum, m) => sum + right(row, m), 0) / width, all(row) / width]),
    majority: column((row) => [right(row, vote(row, one)), all(row)]),
    "weighted majority": column((row) => [right(row, vote(row, logOdds)), all(row)]),
    "two cheapest agree": column((row) => {
      const paid = cost(row, first) + cost(row, second);
      const agree = group(row, first) >= 0 && group(row, first) === group(row, second);
      return agree ? [right(row, first), paid] : [right(row, best), paid + cost(row, best)];
    }),
    kNN: column((row) => {
      const m = near(row);
      return [right(row, m), cost(row, m)];
    }),
    oracle: column((row) => {
      const m = cheap.find((one) => right(row, one) === 1) ?? first;
      return [right(row, m), cost(row, m)];
    }),
  };
}

/** The model that was most often right on the nearest prompts for fitting, the cheapest of those within two points of it. */
function nearest(fit: Table, fitRows: Int32Array, test: Table): (row: number) => number {
  const width = fit.data.adapters.length;
  const features = fit.data.prompts[0]?.values.length ?? 0;
  const mean = new Float64Array(features);
  const deviation = new Float64Array(features);
  for (const row of fitRows)
    for (let i = 0; i < features; i++)
      mean[i] = (mean[i] ?? 0) + (fit.data.prompts[row]?.values[i] ?? 0) / fitRows.length;
  for (const row of fitRows)
    for (let i = 0; i < features; i++)
      deviation[i] =
        (deviation[i] ?? 0) + ((fit.data.prompts[row]?.values[i] ?? 0) - (mean[i] ?? 0)) ** 2 / fitRows.length;
  const scaled = (values: readonly number[]): Float64Array =>
    Float64Array.from(values, (value, i) =>
      (deviation[i] ?? 0) > 1e-9 ? (value - (mean[i] ?? 0)) / Math.sqrt(deviation[i] ?? 1) : 0,
    );
  const known = Array.from(fitRows, (row) => scaled(fit.data.prompts[row]?.values ?? []));
  const cheap = [...singlesOf(fit, fitRows).entries()]
    .sort(([, a], [, b]) => a.usdMicros - b.usdMicros)
    .map(([m]) => m);
  return (row) => {
    const x = scaled(test.data.prompts[row]?.values ?? promptFeatures("").values);
    const distances = known.map((other, i) => {
      let sum = 0;
      for (let f = 0; f < features; f++) sum += ((other[f] ?? 0) - (x[f] ?? 0)) ** 2;
      return [sum, i] as const;
    });
    distances.sort(([a], [b]) => a - b);
    const right = new Float64Array(width);
    for (const [, i] of distances.slice(0, NEIGHBOURS))
      for (let m = 0; m < width; m++)
        right[m] = (right[m] ?? 0) + (fit.data.correct[(fitRows[i] ?? 0) * width + m] ?? 0) / NEIGHBOURS;
    const most = Math.max(...right);
    return cheap.find((m) => (right[m] ?? 0) >= most - 0.02) ?? 0;
  };
}
