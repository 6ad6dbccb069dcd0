import {
  type Family,
  families,
  fitTask,
  fitVotes,
  type FitVotesOptions,
  plainVotes,
  priceGrid,
  promptVotes,
  type TaskPolicy,
} from "atp-router-core/learning";
import { type Baselines, baselinesOf } from "./baselines.js";
import { type Consensus, consensusOf, pickVotes } from "./consensus.js";
import { playPoint } from "./play.js";
import { loadPrices, loadRows, modelsOf, type Prices } from "./rows.js";
import { bestOf, foldsOf, poolOf, singlesOf, type Table, tableOf } from "./tables.js";

/** Where the rows are, and how they are parted. */
export interface TaskRequest {
  readonly task: string;
  readonly train: string;
  /** Absent: 5-fold cross-validation on the rows of `train`. */
  readonly test?: string;
  /** The best single model over several tasks, where it is held beside all of them. */
  readonly sharedChampion?: string;
}

/** One policy with what it did on rows that it was not fitted on. */
export interface Part {
  readonly task: string;
  readonly rows: number;
  readonly ids: readonly string[];
  /** Mean cost of the champion and of each point, as they were known from the rows for fitting. */
  readonly championUsdMicros: number;
  readonly policy: TaskPolicy;
  readonly family: string;
  readonly tried: ReturnType<typeof fitTask>["tried"];
  /** `points * rows`: what each operating point did with each row. */
  readonly right: Float64Array;
  readonly usdMicros: Float64Array;
  readonly baselines: Baselines;
  readonly sharedBest?: {
    readonly right: Float64Array;
    readonly usdMicros: Float64Array;
    readonly fitUsdMicros: number;
  };
  readonly consensus: Consensus;
}

/** From so many rows on, regressions can carry features of the prompt. */
const MANY_ROWS = 2_000;

/** Fits and scores one task: the parts are the folds, or the one part of the rows to test on. */
export function runTask(request: TaskRequest): Part[] {
  const prices = loadPrices(request.train);
  const rows = loadRows(request.train, request.task);
  const fresh = request.test === undefined ? undefined : loadRows(request.test, request.task);
  const models = modelsOf(fresh === undefined ? rows : [...rows, ...fresh]);
  const table = tableOf(rows, models, prices);
  if (fresh !== undefined) {
    const test = tableOf(fresh, models, prices);
    return [runPart(request, table, table.all, test, test.all, prices)];
  }
  // One parting of a few hundred rows is luck: several are averaged.
  const partings = rows.length > MANY_ROWS ? 1 : 3;
  return Array.from({ length: partings }, (_, parting) => foldsOf(rows, table.all, 5, `outer ${parting}`))
    .flat()
    .map((fold) => {
      const held = new Set(fold);
      return runPart(
        request,
        table,
        table.all.filter((row) => !held.has(row)),
        table,
        fold,
        prices,
      );
    });
}

function runPart(
  { task, sharedChampion }: TaskRequest,
  fit: Table,
  fitRows: Int32Array,
  test: Table,
  testRows: Int32Array,
  prices: Prices,
): Part {
  const many = fitRows.length > MANY_ROWS;
  const pool = poolOf(fit, fitRows, many ? 6 : 8);
  const own = tableOf(fit.rows, pool, prices);
  const folds = foldsOf(fit.rows, fitRows, many ? 3 : 5, "inner");
  const fitted = fitTask(own.data, fitRows, folds, {
    families: familiesFor(many),
    longest: 5,
    ...(many ? { prices: priceGrid(3_000, 60_000, 9) } : {}),
  });
  const { policy } = fitted;
  const right = new Float64Array(policy.points.length * testRows.length);
  const usdMicros = new Float64Array(right.length);
  policy.points.forEach((_, point) => {
    testRows.forEach((row, i) => {
      const recorded = test.rows[row];
      if (recorded === undefined) return;
      const played = playPoint(policy, point, recorded, prices);
      right[point * testRows.length + i] = played.right;
      usdMicros[point * testRows.length + i] = played.usdMicros;
    });
  });
  const singles = singlesOf(fit, fitRows);
  // The hardest to beat: the model that turns out to be the best on all rows that are scored.
  const best = bestOf(singlesOf(test, test.all)).model;
  const baselines = baselinesOf(fit, fitRows, test, testRows, best);
  const shared =
    sharedChampion === undefined ? undefined : baselinesOf(fit, fitRows, test, testRows, sharedChampion)["always best"];
  return {
    task,
    rows: testRows.length,
    ids: Array.from(testRows, (row) => test.rows[row]?.id ?? ""),
    championUsdMicros: singles.find(({ model }) => model === best)?.usdMicros ?? 0,
    policy,
    family: fitted.family,
    tried: fitted.tried,
    right,
    usdMicros,
    baselines,
    ...(shared === undefined
      ? {}
      : {
          sharedBest: {
            ...shared,
            fitUsdMicros: singles.find(({ model }) => model === sharedChampion)?.usdMicros ?? 0,
          },
        }),
    consensus: consensusRun(fit, fitRows, test, testRows, prices, many),
  };
}

const cascades = families.filter(({ rule }) => rule === "cascade");

/**
 * Few rows cannot carry features of the prompt, and many need no redrawn sets of adapters to learn from: with as many rows fewer
 * sets a row give the same votes.
 */
function familiesFor(many: boolean): readonly Family[] {
  if (!many) return [...cascades, { name: "cascade+pairs", rule: "cascade", votes: { ...plainVotes, pairs: true } }];
  const lean = { subsets: 6, iterations: 50, promptRidge: 10 };
  return families
    .filter(({ votes }) => votes.prompt)
    .map((family) => ({ ...family, votes: { ...family.votes, ...lean } }));
}

/** Everybody is asked: the vote model of all models, and how many calls an early stop would save. */
export function consensusRun(
  fit: Table,
  fitRows: Int32Array,
  test: Table,
  testRows: Int32Array,
  prices: Prices,
  many: boolean,
): Consensus {
  const share = { fullShare: 0.5, subsets: many ? 3 : 12, iterations: many ? 50 : 80 };
  const kinds: FitVotesOptions[] = [
    // Held so near to 0 that hardly more than the size of a group is left: little but a majority.
    { ...plainVotes, ridge: 300, ...share },
    { ...plainVotes, ...share },
    { ...plainVotes, pairs: true, ...share },
    { ...promptVotes, pairs: true, ...share },
  ];
  const votes = pickVotes(fit.data, fitRows, foldsOf(fit.rows, fitRows, many ? 2 : 3, "votes"), kinds);
  return consensusOf(fitVotes(fit.data, fitRows, votes), fit, fitRows, test, testRows, prices);
}
