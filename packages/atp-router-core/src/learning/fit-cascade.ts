import type { Outcomes } from "./outcomes.js";
import type { SubsetTable } from "./subset-table.js";

/** Thresholds that are tried: finer where answers are sure, for that is where calls are saved. */
export const thresholds: readonly number[] = [
  0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.84, 0.88, 0.91, 0.94, 0.96, 0.975, 0.985, 0.992,
];

/**
 * How far an answer counts by what it turned out to be, against by its probability out of fold: the mean of both says the same with
 * less noise, as long as the votes are calibrated.
 */
const HIT = 0.5;

/** A cascade as indexes, with its mean cost and accuracy over the rows it was measured on. */
export interface MeasuredCascade {
  readonly order: readonly number[];
  readonly threshold: number;
  readonly usdMicros: number;
  readonly accuracy: number;
}

/** All choices of 1 to `longest` adapters, each asked in the order of `ranked`: fewer than all orders, so that chance finds less. */
export function orders(ranked: readonly number[], longest: number): number[][] {
  const all: number[][] = [];
  const extend = (order: readonly number[]): void => {
    const last = order.at(-1);
    for (const m of ranked.slice(last === undefined ? 0 : ranked.indexOf(last) + 1)) {
      const next = [...order, m];
      all.push(next);
      if (next.length < longest) extend(next);
    }
  };
  extend([]);
  return all;
}

/** What a cascade does with one row. */
export function runCascade(
  table: SubsetTable,
  data: Outcomes,
  row: number,
  order: readonly number[],
  threshold: number,
): { readonly mask: number; readonly usdMicros: number } {
  let mask = 0;
  let usdMicros = 0;
  for (const m of order) {
    mask |= 1 << m;
    usdMicros += data.usdMicros[row * data.adapters.length + m] as number;
    if ((table.first[row * table.sets + mask] as number) >= threshold) break;
  }
  return { mask, usdMicros };
}

/**
 * Measures every order of up to `longest` adapters at every threshold on these rows. Cost and accuracy at a threshold are smoothed
 * with its neighbours' (1, 2, 1) so that a lucky one is not taken for a good one.
 */
export function measureCascades(
  table: SubsetTable,
  data: Outcomes,
  rows: Int32Array,
  all: readonly (readonly number[])[],
): MeasuredCascade[] {
  const width = data.adapters.length;
  const count = thresholds.length;
  const cost = new Float64Array(count);
  const right = new Float64Array(count);
  const measured: MeasuredCascade[] = [];
  for (const order of all) {
    cost.fill(0);
    right.fill(0);
    for (let r = 0; r < rows.length; r++) {
      const row = rows[r] as number;
      let mask = 0;
      let spent = 0;
      // Thresholds under `done` have stopped at an earlier answer.
      let done = 0;
      for (let k = 0; k < order.length && done < count; k++) {
        const m = order[k] as number;
        mask |= 1 << m;
        spent += data.usdMicros[row * width + m] as number;
        const at = row * table.sets + mask;
        const p = k === order.length - 1 ? 2 : (table.first[at] as number);
        const hit = HIT * (table.right[at] as number) + (1 - HIT) * (table.first[at] as number);
        while (done < count && p >= (thresholds[done] as number)) {
          cost[done] = (cost[done] as number) + spent;
          right[done] = (right[done] as number) + hit;
          done++;
        }
      }
    }
    const smooth = (of: Float64Array, i: number): number =>
      ((of[Math.max(0, i - 1)] as number) + 2 * (of[i] as number) + (of[Math.min(count - 1, i + 1)] as number)) /
      4 /
      Math.max(1, rows.length);
    for (let i = 0; i < (order.length === 1 ? 1 : count); i++)
      measured.push({
        order,
        threshold: thresholds[i] as number,
        usdMicros: smooth(cost, i),
        accuracy: smooth(right, i),
      });
  }
  return measured;
}

/** The cascade that is worth the most at a price of an error; of equals the one with fewer adapters. */
export function bestCascade(
  measured: readonly MeasuredCascade[],
  priceOfErrorUsdMicros: number,
): MeasuredCascade | undefined {
  let best: MeasuredCascade | undefined;
  let bestWorth = -Infinity;
  for (const one of measured) {
    const worth = one.accuracy - one.usdMicros / priceOfErrorUsdMicros;
    if (worth > bestWorth + 1e-12) {
      best = one;
      bestWorth = worth;
    }
  }
  return best;
}
