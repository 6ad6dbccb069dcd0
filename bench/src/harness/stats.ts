/** The middle of `values`, the mean of the two middle ones when their number is even; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The value below which a `share` (0 to 1) of `values` lies; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** What is told of a figure that was measured in several rounds. */
export interface Spread {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/** The median of `values` with its extremes. */
export function spread(values: readonly number[]): Spread {
  return { value: median(values), min: Math.min(...values), max: Math.max(...values), rounds: values.length };
}

/**
 * The median of within-round ratios. Both lists hold one value per round; what slows a round slows both of its members.
 * @throws RangeError when the lists differ in length
 */
export function ratio(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(pairs(ours, theirs).map(([a, b]) => a / b));
}

/**
 * The median of within-round differences.
 * @throws RangeError when the lists differ in length
 */
export function difference(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(pairs(ours, theirs).map(([a, b]) => a - b));
}

function pairs(ours: readonly number[], theirs: readonly number[]): [number, number][] {
  if (ours.length !== theirs.length) throw new RangeError(`rounds differ: ${ours.length} and ${theirs.length}`);
  return ours.map((value, round) => [value, theirs[round] ?? Number.NaN]);
}

/** A figure rounded for people and JSON: four significant digits. */
export function tidy(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}
