import { randomOf } from "atp-router-core/learning";
import { percentile } from "../harness/stats.js";

/** A figure with its 95% interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const DRAWS = 1_000;

/**
 * The figure of the rows themselves, with the 2.5% and 97.5% percentiles over rows drawn with replacement. The policy is held
 * fixed: the interval tells of the rows, not of another fit.
 *
 * @param columns lists of equal length, one member a row
 * @param figure of the columns' means
 */
export function bootstrap(
  columns: readonly Float64Array[],
  figure: (means: readonly number[]) => number,
  seed = 1,
): Interval {
  const rows = columns[0]?.length ?? 0;
  const random = randomOf(seed);
  const sums = columns.map(() => 0);
  const drawn: number[] = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    sums.fill(0);
    for (let i = 0; i < rows; i++) {
      const row = Math.floor(random() * rows);
      for (let c = 0; c < columns.length; c++) sums[c] = (sums[c] ?? 0) + (columns[c]?.[row] ?? 0);
    }
    drawn.push(figure(sums.map((sum) => sum / rows)));
  }
  const means = columns.map((column) => column.reduce((sum, value) => sum + value, 0) / rows);
  return { value: figure(means), low: percentile(drawn, 0.025), high: percentile(drawn, 0.975) };
}
