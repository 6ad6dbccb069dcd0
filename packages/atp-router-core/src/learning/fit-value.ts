import { addOuter, cholesky, solve } from "./linear.js";
import type { Outcomes } from "./outcomes.js";
import { scaleState, stateFeatures, stateSize } from "./state-features.js";
import { standingOf } from "./subset-table.js";
import type { SubsetTable } from "./subset-table.js";

/** Features of every state of every row, with what is shared by fits at all prices. */
export interface ValueBasis {
  readonly size: number;
  readonly rows: number;
  /** Sets in which one more adapter may be asked: of up to `deepest` members. */
  readonly masks: Int32Array;
  /** Where a mask stands in `masks`; -1 when it is not there. */
  readonly indexOf: Int32Array;
  /** `masks * rows * size` scaled features: what one set is for all rows lies together, for that is how fits read it. */
  readonly features: Float64Array;
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  readonly withPrompt: boolean;
}

const bits = (mask: number): number => {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
};

/** Computes the features of all states of these rows with up to `deepest` adapters asked, on one scale. No outcome enters them. */
export function valueBasis(
  table: SubsetTable,
  data: Outcomes,
  rows: Int32Array,
  withPrompt: boolean,
  deepest: number,
): ValueBasis {
  const width = data.adapters.length;
  const size = stateSize(width, withPrompt);
  const masks = Int32Array.from(
    Array.from({ length: table.sets }, (_, mask) => mask).filter((mask) => bits(mask) <= deepest),
  );
  const indexOf = new Int32Array(table.sets).fill(-1);
  masks.forEach((mask, i) => {
    indexOf[mask] = i;
  });
  const features = new Float64Array(data.rows * masks.length * size);
  const standing = new Uint8Array(width);
  const mean = new Float64Array(size);
  const deviation = new Float64Array(size);
  for (const row of rows) {
    const effect = {
      adapters: table.effect.subarray(row * width, (row + 1) * width),
      none: table.noneEffect[row] as number,
    };
    for (let k = 0; k < masks.length; k++) {
      const mask = masks[k] as number;
      const at = row * table.sets + mask;
      standingOf(table, data, row, mask, standing);
      const state = {
        first: table.first[at] as number,
        second: table.second[at] as number,
        none: table.none[at] as number,
        standing,
      };
      const to = (k * data.rows + row) * size;
      stateFeatures(state, effect, withPrompt, features, to);
      for (let i = 0; i < size; i++) {
        const value = features[to + i] as number;
        mean[i] = (mean[i] as number) + value;
        deviation[i] = (deviation[i] as number) + value * value;
      }
    }
  }
  const count = rows.length * masks.length;
  for (let i = 0; i < size; i++) {
    mean[i] = (mean[i] as number) / count;
    const variance = (deviation[i] as number) / count - (mean[i] as number) ** 2;
    deviation[i] = variance > 1e-12 ? Math.sqrt(variance) : 0;
  }
  for (let at = 0; at < features.length; at += size) {
    for (let i = 0; i < size - 1; i++)
      features[at + i] = scaleState(features[at + i] as number, mean[i] as number, deviation[i] as number);
  }
  return { size, rows: data.rows, masks, indexOf, features, mean, deviation, withPrompt };
}

/** For each number of adapters asked and each adapter: its weights; empty where it was not fitted. */
export type Gains = readonly (readonly Float64Array[])[];

/** Gram matrices by number asked and adapter, over some rows. */
type Grams = readonly (readonly Float64Array[])[];

function gramsOf(basis: ValueBasis, data: Outcomes, rows: Int32Array): Grams {
  const width = data.adapters.length;
  const { size, masks, features } = basis;
  const deepest = Math.max(...Array.from(masks, bits));
  const grams = Array.from({ length: deepest + 1 }, () => data.adapters.map(() => new Float64Array(size * size)));
  const one = new Float64Array(size * size);
  for (let k = 0; k < masks.length; k++) {
    const mask = masks[k] as number;
    one.fill(0);
    for (const row of rows) addOuter(one, size, features, (k * data.rows + row) * size);
    const stage = grams[bits(mask)] as Float64Array[];
    for (let m = 0; m < width; m++) {
      if ((mask & (1 << m)) !== 0) continue;
      const sum = stage[m] as Float64Array;
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (one[i] as number);
    }
  }
  return grams;
}

/** Adds or takes away Gram matrices, so that those of a fold's complement need no second pass. */
function minus(all: Grams, part: Grams): Grams {
  return all.map((stage, s) =>
    stage.map((gram, m) => gram.map((value, i) => value - ((part[s]?.[m] as Float64Array)[i] as number))),
  );
}

/** The factors that fits on some rows need, at every price. */
export interface ValueSolver {
  readonly rows: Int32Array;
  readonly factors: readonly (readonly Float64Array[])[];
}

/** Prepares fits on all rows and on the complement of each fold. */
export function valueSolvers(
  basis: ValueBasis,
  data: Outcomes,
  rows: Int32Array,
  folds: readonly Int32Array[],
  ridge: number,
): { readonly all: ValueSolver; readonly without: readonly ValueSolver[] } {
  const parts = folds.map((fold) => gramsOf(basis, data, fold));
  const width = data.adapters.length;
  const total = (parts[0] as Grams).map((stage, s) =>
    stage.map((gram, m) => {
      const sum = new Float64Array(gram.length);
      for (const part of parts) {
        const other = part[s]?.[m] as Float64Array;
        for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (other[i] as number);
      }
      return sum;
    }),
  );
  const factor = (grams: Grams): readonly (readonly Float64Array[])[] =>
    grams.map((stage, asked) =>
      stage.map((gram) => cholesky(gram, basis.size, ridge * Math.max(1, choose(width - 1, asked)))),
    );
  return {
    all: { rows, factors: factor(total) },
    without: folds.map((fold, f) => {
      const held = new Set(fold);
      return { rows: rows.filter((row) => !held.has(row)), factors: factor(minus(total, parts[f] as Grams)) };
    }),
  };
}

function choose(n: number, k: number): number {
  let result = 1;
  for (let i = 0; i < k; i++) result = (result * (n - i)) / (i + 1);
  return result;
}

/**
 * Fitted Q by backward induction: from the deepest states up, regress what asking each adapter brought, its realised price taken
 * off, on the state's features. A state's value is that of the choice which the fit makes, not the largest estimate, so that
 * noise is not taken for gain.
 */
export function fitGains(
  basis: ValueBasis,
  solver: ValueSolver,
  table: SubsetTable,
  data: Outcomes,
  priceOfErrorUsdMicros: number,
): Gains {
  const width = data.adapters.length;
  const { size, masks, features, indexOf } = basis;
  const { rows, factors } = solver;
  const value = new Float64Array(rows.length * table.sets);
  const stop = (at: number): number => 0.5 * ((table.first[at] as number) + (table.right[at] as number));
  for (let r = 0; r < rows.length; r++)
    for (let mask = 0; mask < table.sets; mask++)
      value[r * table.sets + mask] = stop((rows[r] as number) * table.sets + mask);
  const gains: Float64Array[][] = factors.map(() => data.adapters.map(() => new Float64Array(0)));
  for (let asked = factors.length - 1; asked >= 0; asked--) {
    const stage = masks.filter((mask) => bits(mask) === asked);
    for (let m = 0; m < width; m++) {
      const right = new Float64Array(size);
      let any = false;
      for (const mask of stage) {
        if ((mask & (1 << m)) !== 0) continue;
        any = true;
        const k = indexOf[mask] as number;
        const next = mask | (1 << m);
        for (let r = 0; r < rows.length; r++) {
          const row = rows[r] as number;
          const y =
            (value[r * table.sets + next] as number) -
            (data.usdMicros[row * width + m] as number) / priceOfErrorUsdMicros -
            stop(row * table.sets + mask);
          const at = (k * data.rows + row) * size;
          for (let i = 0; i < size; i++) right[i] = (right[i] as number) + y * (features[at + i] as number);
        }
      }
      if (any) (gains[asked] as Float64Array[])[m] = solve(factors[asked]?.[m] as Float64Array, size, right);
    }
    for (const mask of stage) {
      for (let r = 0; r < rows.length; r++) {
        const row = rows[r] as number;
        const m = chooseNext(basis, gains, row, mask, width, table);
        if (m >= 0)
          value[r * table.sets + mask] =
            (value[r * table.sets + (mask | (1 << m))] as number) -
            (data.usdMicros[row * width + m] as number) / priceOfErrorUsdMicros;
      }
    }
  }
  return gains;
}

/** Whom the fitted gains ask next in a state; -1 to stop. Without any answer yet somebody is always asked. */
export function chooseNext(
  basis: ValueBasis,
  gains: Gains,
  row: number,
  mask: number,
  width: number,
  table: SubsetTable,
): number {
  const k = basis.indexOf[mask] as number;
  if (k < 0) return -1;
  const stage = gains[bits(mask)] as readonly Float64Array[];
  const at = (k * basis.rows + row) * basis.size;
  const must = (table.leader[row * table.sets + mask] as number) < 0;
  let best = -1;
  let most = must ? -Infinity : 0;
  for (let m = 0; m < width; m++) {
    if ((mask & (1 << m)) !== 0) continue;
    const weights = stage[m] as Float64Array;
    if (weights.length === 0) continue;
    let gain = 0;
    for (let i = 0; i < basis.size; i++) gain += (weights[i] as number) * (basis.features[at + i] as number);
    if (gain > most) {
      most = gain;
      best = m;
    }
  }
  return best;
}

/** What a value rule does with one row. */
export function runGains(
  basis: ValueBasis,
  gains: Gains,
  table: SubsetTable,
  data: Outcomes,
  row: number,
): { readonly mask: number; readonly usdMicros: number } {
  const width = data.adapters.length;
  let mask = 0;
  let usdMicros = 0;
  for (;;) {
    const m = chooseNext(basis, gains, row, mask, width, table);
    if (m < 0) return { mask, usdMicros };
    mask |= 1 << m;
    usdMicros += data.usdMicros[row * width + m] as number;
  }
}
