/** How much worse, or better, an adapter must have become in log-odds to be looked for: about 0.3 of its accuracy. */
const SHIFT = 1.5;
/** Evidence at which a change is believed: a steady adapter is suspected about once in e^7 of its answers. */
const BELIEVED = 7;

/** Watches one adapter for a change of its accuracy: two cumulative sums of log likelihood ratios (Page 1954). */
export interface ChangeWatch {
  worse: number;
  better: number;
  /** Epochs in which the sums last began to rise. */
  worseSince: number;
  betterSince: number;
}

/** A watch that suspects nothing. */
export function newChangeWatch(epoch: number): ChangeWatch {
  return { worse: 0, better: 0, worseSince: epoch, betterSince: epoch };
}

const shifted = (p: number, by: number): number => 1 / (1 + ((1 - p) / p) * Math.exp(-by));

/**
 * One more verdict on an adapter that was expected to be right with chance `expected`. Returns the epoch from which it is a changed
 * one, or undefined while there is no reason to think so. Start a new watch after a change.
 */
export function watchChange(watch: ChangeWatch, expected: number, right: boolean, epoch: number): number | undefined {
  const p = Math.min(0.99, Math.max(0.01, expected));
  const ratio = (by: number): number => {
    const q = shifted(p, by);
    return right ? Math.log(q / p) : Math.log((1 - q) / (1 - p));
  };
  if (watch.worse === 0) watch.worseSince = epoch;
  if (watch.better === 0) watch.betterSince = epoch;
  watch.worse = Math.max(0, watch.worse + ratio(-SHIFT));
  watch.better = Math.max(0, watch.better + ratio(SHIFT));
  if (watch.worse > BELIEVED) return watch.worseSince;
  return watch.better > BELIEVED ? watch.betterSince : undefined;
}
