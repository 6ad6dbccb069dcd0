import type { OperatingPoint, Rule, TaskPolicy } from "./answer-policy.js";
import { bestCascade, measureCascades, orders, runCascade, thresholds } from "./fit-cascade.js";
import { fitGains, runGains, valueBasis, valueSolvers } from "./fit-value.js";
import type { Gains } from "./fit-value.js";
import { byPrice, fitVotes } from "./fit-votes.js";
import type { FitVotesOptions } from "./fit-votes.js";
import { concaveHull } from "./hull.js";
import type { Outcomes } from "./outcomes.js";
import { emptyTable, fillTable } from "./subset-table.js";
import type { SubsetTable } from "./subset-table.js";

/** A kind of policy, simplest first in every list of them. */
export interface Family {
  readonly name: string;
  readonly rule: "cascade" | "value";
  readonly votes: FitVotesOptions;
  /** L2 of the regressions of a value rule, per question. */
  readonly ridge?: number;
}

export const plainVotes: FitVotesOptions = { prompt: false, length: false, pairs: false };
export const promptVotes: FitVotesOptions = { prompt: true, length: true, pairs: false };

/** The families that are tried, from simple to rich. */
export const families: readonly Family[] = [
  { name: "cascade", rule: "cascade", votes: plainVotes },
  { name: "value", rule: "value", votes: plainVotes, ridge: 30 },
  { name: "value+prompt", rule: "value", votes: promptVotes, ridge: 100 },
];

/** How a task is fitted. */
export interface FitTaskOptions {
  readonly families?: readonly Family[];
  /** Prices of an error at which rules are fitted, in micro-dollars. @default 14 from 1,000 to 1,000,000 */
  readonly prices?: readonly number[];
  /** Longest cascade. @default 4 */
  readonly longest?: number;
}

/** Prices from low to high, evenly spaced in their logarithm. */
export function priceGrid(low = 1_000, high = 1_000_000, count = 14): number[] {
  return Array.from({ length: count }, (_, i) => low * (high / low) ** (i / (count - 1)));
}

/** One family fitted at every price, with what it did out of fold. */
interface Tried {
  readonly family: Family;
  readonly points: readonly OperatingPoint[];
  /** By question: utility out of fold, averaged over the prices. */
  readonly utility: Float64Array;
}

/** What a fit came to. */
export interface FittedTask {
  readonly policy: TaskPolicy;
  readonly family: string;
  /** Mean utility out of fold by family, and its paired shortfall from the best with the standard error of that. */
  readonly tried: readonly {
    readonly family: string;
    readonly utility: number;
    readonly shortfall: number;
    readonly error: number;
  }[];
}

/**
 * Fits a task's policy: every family at every price, judged out of fold; then the simplest family whose utility falls short of the
 * best by at most one standard error (Breiman 1984); then the concave hull of its points and of the adapters alone.
 *
 * @param folds parts of `rows` that share no prompt
 */
export function fitTask(
  data: Outcomes,
  rows: Int32Array,
  folds: readonly Int32Array[],
  options: FitTaskOptions = {},
): FittedTask {
  const prices = options.prices ?? priceGrid();
  const tables = new Map<FitVotesOptions, SubsetTable>();
  const tried: Tried[] = [];
  for (const family of options.families ?? families) {
    let table = tables.get(family.votes);
    if (table === undefined) tables.set(family.votes, (table = crossFit(data, rows, folds, family.votes)));
    tried.push(
      family.rule === "cascade"
        ? tryCascades(family, table, data, rows, folds, prices, options.longest ?? 4)
        : tryValues(family, table, data, rows, folds, prices),
    );
  }
  const { chosen, report } = oneStandardError(tried, rows);
  const votes = fitVotes(data, rows, chosen.family.votes);
  const singles = singlePoints(data, rows);
  const champion = singles.reduce((best, one) => (one.accuracy > best.accuracy ? one : best));
  return {
    family: chosen.family.name,
    tried: report,
    policy: {
      adapters: data.adapters,
      usdMicros: singles.map(({ usdMicros }) => usdMicros),
      champion: champion.rule.kind === "cascade" ? (champion.rule.order[0] ?? "") : "",
      votes,
      points: concaveHull([...chosen.points, ...singles]),
    },
  };
}

/** The table in which every row is judged by a model that has not seen it. */
export function crossFit(
  data: Outcomes,
  rows: Int32Array,
  folds: readonly Int32Array[],
  votes: FitVotesOptions,
): SubsetTable {
  const table = emptyTable(data);
  for (const fold of folds) fillTable(table, data, fold, fitVotes(data, without(rows, fold), votes));
  return table;
}

/** The rows that are not in a fold. */
export function without(rows: Int32Array, fold: Int32Array): Int32Array {
  const held = new Set(fold);
  return rows.filter((row) => !held.has(row));
}

function singlePoints(data: Outcomes, rows: Int32Array): OperatingPoint[] {
  const width = data.adapters.length;
  return data.adapters.map((name, m) => {
    let usdMicros = 0;
    let right = 0;
    for (const row of rows) {
      usdMicros += data.usdMicros[row * width + m] as number;
      right += data.correct[row * width + m] as number;
    }
    const rule: Rule = { kind: "cascade", order: [name], thresholds: [] };
    return { usdMicros: usdMicros / rows.length, accuracy: right / rows.length, rule };
  });
}

/** Sums cost and right answers of one price's choices out of fold, and their utility by row. */
function measure(
  table: SubsetTable,
  rows: Int32Array,
  price: number,
  weight: number,
  utility: Float64Array,
  hits: Uint8Array,
  run: (row: number) => { readonly mask: number; readonly usdMicros: number },
): { readonly usdMicros: number; readonly accuracy: number } {
  let usdMicros = 0;
  let right = 0;
  for (const row of rows) {
    const done = run(row);
    const hit = table.right[row * table.sets + done.mask] as number;
    usdMicros += done.usdMicros;
    right += hit;
    hits[row] = hit;
    utility[row] = (utility[row] as number) + weight * (hit - done.usdMicros / price);
  }
  return { usdMicros, accuracy: right };
}

/** In standard errors. */
const GUARD = 0.5;
/**
 * A rule's accuracy out of fold, less its standard error against the champion: of many rules the luckiest is seen as the best,
 * and where it is not surely better the champion alone is to be preferred.
 */
function guardedAccuracy(data: Outcomes, rows: Int32Array, hits: Uint8Array, accuracy: number): number {
  const width = data.adapters.length;
  const totals = data.adapters.map((_, m) =>
    rows.reduce((sum, row) => sum + (data.correct[row * width + m] as number), 0),
  );
  const champion = totals.indexOf(Math.max(...totals));
  let sum = 0;
  let square = 0;
  for (const row of rows) {
    const gap = (hits[row] as number) - (data.correct[row * width + champion] as number);
    sum += gap;
    square += gap * gap;
  }
  const mean = sum / rows.length;
  return Math.max(0, accuracy - GUARD * Math.sqrt(Math.max(0, square / rows.length - mean * mean) / rows.length));
}

function tryCascades(
  family: Family,
  table: SubsetTable,
  data: Outcomes,
  rows: Int32Array,
  folds: readonly Int32Array[],
  prices: readonly number[],
  longest: number,
): Tried {
  const all = orders(byPrice(data, rows), longest);
  const parts = folds.map((fold) => measureCascades(table, data, fold, all));
  // What was measured on several folds together is the weighted mean of what was measured on each.
  const pooled = (leftOut: number): ReturnType<typeof measureCascades> => {
    const used = parts.filter((_, f) => f !== leftOut);
    const sizes = folds.filter((_, f) => f !== leftOut).map((fold) => fold.length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    return (used[0] as ReturnType<typeof measureCascades>).map((one, i) => {
      let usdMicros = 0;
      let accuracy = 0;
      used.forEach((part, f) => {
        usdMicros += ((part[i]?.usdMicros as number) * (sizes[f] as number)) / total;
        accuracy += ((part[i]?.accuracy as number) * (sizes[f] as number)) / total;
      });
      return { ...one, usdMicros, accuracy };
    });
  };
  const everything = pooled(-1);
  const others = folds.map((_, f) => pooled(f));
  const utility = new Float64Array(data.rows);
  const points = prices.map((price): OperatingPoint => {
    const hits = new Uint8Array(data.rows);
    let usdMicros = 0;
    let accuracy = 0;
    folds.forEach((fold, f) => {
      const best = bestCascade(others[f] ?? [], price);
      const sums = measure(table, fold, price, 1 / prices.length, utility, hits, (row) =>
        runCascade(table, data, row, best?.order ?? [], best?.threshold ?? 1),
      );
      usdMicros += sums.usdMicros / rows.length;
      accuracy += sums.accuracy / rows.length;
    });
    const best = bestCascade(everything, price);
    const order = (best?.order ?? []).map((m) => data.adapters[m] as string);
    const rule: Rule = {
      kind: "cascade",
      order,
      thresholds: order.slice(1).map(() => best?.threshold ?? (thresholds[0] as number)),
    };
    return { usdMicros, accuracy: guardedAccuracy(data, rows, hits, accuracy), rule };
  });
  return { family, points, utility };
}

function tryValues(
  family: Family,
  table: SubsetTable,
  data: Outcomes,
  rows: Int32Array,
  folds: readonly Int32Array[],
  prices: readonly number[],
): Tried {
  const basis = valueBasis(table, data, rows, family.votes.prompt, Math.min(data.adapters.length - 1, DEEPEST));
  const solvers = valueSolvers(basis, data, rows, folds, family.ridge ?? 30);
  const utility = new Float64Array(data.rows);
  const points = prices.map((price): OperatingPoint => {
    const hits = new Uint8Array(data.rows);
    let usdMicros = 0;
    let accuracy = 0;
    folds.forEach((fold, f) => {
      const solver = solvers.without[f];
      if (solver === undefined) return;
      const gains = fitGains(basis, solver, table, data, price);
      const sums = measure(table, fold, price, 1 / prices.length, utility, hits, (row) =>
        runGains(basis, gains, table, data, row),
      );
      usdMicros += sums.usdMicros / rows.length;
      accuracy += sums.accuracy / rows.length;
    });
    const gains = fitGains(basis, solvers.all, table, data, price);
    const guarded = guardedAccuracy(data, rows, hits, accuracy);
    return { usdMicros, accuracy: guarded, rule: valueRule(gains, basis.mean, basis.deviation, price) };
  });
  return { family, points, utility };
}

/** A value rule asks one more after at most this many: deeper states are few and their values noise. */
const DEEPEST = 3;

function valueRule(gains: Gains, mean: Float64Array, deviation: Float64Array, priceOfErrorUsdMicros: number): Rule {
  const adapters = gains[0]?.length ?? 0;
  const stages = Array.from({ length: adapters }, (_, asked) =>
    Array.from({ length: adapters }, (_, m) => Array.from(gains[asked]?.[m] ?? [])),
  );
  return {
    kind: "value",
    gain: stages,
    mean: Array.from(mean),
    deviation: Array.from(deviation),
    priceOfErrorUsdMicros,
  };
}

function oneStandardError(
  tried: readonly Tried[],
  rows: Int32Array,
): { readonly chosen: Tried; readonly report: FittedTask["tried"] } {
  const mean = (values: (row: number) => number): number =>
    rows.reduce((sum, row) => sum + values(row), 0) / rows.length;
  const utilities = tried.map(({ utility }) => mean((row) => utility[row] as number));
  const top = tried[utilities.indexOf(Math.max(...utilities))] as Tried;
  const report = tried.map(({ family, utility }, i) => {
    const gap = (row: number): number => (top.utility[row] as number) - (utility[row] as number);
    const shortfall = mean(gap);
    const variance = mean((row) => (gap(row) - shortfall) ** 2);
    return {
      family: family.name,
      utility: utilities[i] as number,
      shortfall,
      error: Math.sqrt(variance / rows.length),
    };
  });
  const index = report.findIndex(({ shortfall, error }) => shortfall <= error + 1e-12);
  return { chosen: tried[index] as Tried, report };
}
