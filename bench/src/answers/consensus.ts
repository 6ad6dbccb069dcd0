import {
  emptyTable,
  fillTable,
  fitVotes,
  type FitVotesOptions,
  type Outcomes,
  type TaskPolicy,
  type VoteModel,
} from "atp-router-core/learning";
import { playPoint } from "./play.js";
import type { Prices } from "./rows.js";
import { bestOf, singlesOf, type Table } from "./tables.js";

/** Everybody asked, and the same with an early stop; row by row. */
export interface Consensus {
  readonly right: Float64Array;
  readonly earlyRight: Float64Array;
  readonly earlyCalls: Float64Array;
  readonly models: number;
}

/** An answer that is this likely is not asked about any further. */
const EARLY = 0.94;

/** The simplest kind of vote model whose likelihood out of fold is within one standard error of the best. */
export function pickVotes(
  data: Outcomes,
  rows: Int32Array,
  folds: readonly Int32Array[],
  kinds: readonly FitVotesOptions[],
): FitVotesOptions {
  const full = (1 << data.adapters.length) - 1;
  const only = Int32Array.of(full);
  const scores = kinds.map((kind) => {
    const table = emptyTable(data);
    const score = new Float64Array(data.rows);
    for (const fold of folds) {
      const held = new Set(fold);
      fillTable(
        table,
        data,
        fold,
        fitVotes(
          data,
          rows.filter((row) => !held.has(row)),
          kind,
        ),
        only,
      );
      for (const row of fold) {
        const at = row * table.sets + full;
        const p = table.first[at] ?? 0;
        score[row] = 0.5 * (table.right[at] ?? 0) + 0.5 * Math.log(Math.max(1e-6, table.right[at] === 1 ? p : 1 - p));
      }
    }
    return score;
  });
  const mean = (of: (row: number) => number): number => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const means = scores.map((score) => mean((row) => score[row] ?? 0));
  const top = means.indexOf(Math.max(...means));
  const chosen = scores.findIndex((score) => {
    const gap = (row: number): number => (scores[top]?.[row] ?? 0) - (score[row] ?? 0);
    const shortfall = mean(gap);
    return shortfall <= Math.sqrt(mean((row) => (gap(row) - shortfall) ** 2) / rows.length) + 1e-12;
  });
  return kinds[chosen] ?? (kinds[0] as FitVotesOptions);
}

/** Plays the consensus of all with the router's own decisions: a cascade through everybody, with and without an early stop. */
export function consensusOf(
  votes: VoteModel,
  fit: Table,
  fitRows: Int32Array,
  test: Table,
  testRows: Int32Array,
  prices: Prices,
): Consensus {
  const singles = singlesOf(fit, fitRows);
  const order = [...singles].sort((a, b) => b.accuracy - a.accuracy).map(({ model }) => model);
  const policy = (threshold: number): TaskPolicy => ({
    adapters: fit.data.adapters,
    usdMicros: singles.map(({ usdMicros }) => usdMicros),
    champion: bestOf(singles).model,
    votes,
    points: [
      { usdMicros: 1, accuracy: 1, rule: { kind: "cascade", order, thresholds: order.slice(1).map(() => threshold) } },
    ],
  });
  // A probability is never over 1, so that 2 stops nobody.
  const [everybody, early] = [policy(2), policy(EARLY)];
  const right = new Float64Array(testRows.length);
  const earlyRight = new Float64Array(testRows.length);
  const earlyCalls = new Float64Array(testRows.length);
  testRows.forEach((row, i) => {
    const recorded = test.rows[row];
    if (recorded === undefined) return;
    right[i] = playPoint(everybody, 0, recorded, prices).right;
    const stopped = playPoint(early, 0, recorded, prices);
    earlyRight[i] = stopped.right;
    earlyCalls[i] = stopped.calls;
  });
  return { right, earlyRight, earlyCalls, models: order.length };
}
