import type { Ms } from "../model/index.js";

/** Relative error of a quantile. */
const ERROR = 0.01;
const GAMMA = (1 + ERROR) / (1 - ERROR);
const LOG_GAMMA = Math.log(GAMMA);
/** Values below count as this, above as the largest: 0.1 ms to about 28 hours. */
const LEAST = 0.1;
const BUCKETS = Math.ceil(Math.log(1e9) / LOG_GAMMA);
/** Two windows of this length follow one another; a quantile is of both. */
const WINDOW_MS = 30_000;

/** Quantiles of recent times, within 1% of their value. */
export interface QuantileSketch {
  /** @param ms over 0 */
  add(ms: Ms, at: Ms): void;
  /** The value that a share `q` of the recent ones are at or below; undefined with fewer than `least` of them. */
  quantile(q: number, least: number, at: Ms): Ms | undefined;
}

interface Window {
  counts: Uint32Array;
  total: number;
}

const empty = (): Window => ({ counts: new Uint32Array(BUCKETS), total: 0 });

/**
 * DDSketch (Masson, Rim and Lee, VLDB 2019): counts in buckets whose bounds grow by a factor, so that any quantile has the same relative
 * error. Of two tumbling windows the older is forgotten when the newer is full of time and of values: a quiet adapter keeps what is known
 * of it.
 */
export function createQuantileSketch(windowMs = WINDOW_MS): QuantileSketch {
  let recent = empty();
  let older: Window | undefined;
  let since: Ms | undefined;
  let known: { readonly q: number; readonly value: Ms; readonly total: number } | undefined;

  function turn(at: Ms): void {
    since ??= at;
    if (at - since < windowMs || recent.total < 100) return;
    const next = older ?? empty();
    next.counts.fill(0);
    next.total = 0;
    older = recent;
    recent = next;
    since = at;
    known = undefined;
  }

  return {
    add(ms, at) {
      turn(at);
      const bucket = Math.ceil(Math.log(Math.max(ms, LEAST) / LEAST) / LOG_GAMMA);
      const index = Math.min(BUCKETS - 1, bucket);
      recent.counts[index] = (recent.counts[index] ?? 0) + 1;
      recent.total++;
    },
    quantile(q, least, at) {
      turn(at);
      const total = recent.total + (older?.total ?? 0);
      if (total < least) return undefined;
      // A quantile hardly moves by one value more: it is looked for again after each twentieth of them.
      if (known !== undefined && known.q === q && total - known.total < total / 20) return known.value;
      const rank = q * (total - 1);
      let below = 0;
      let bucket = 0;
      for (; bucket < BUCKETS - 1; bucket++) {
        below += (recent.counts[bucket] ?? 0) + (older?.counts[bucket] ?? 0);
        if (below > rank) break;
      }
      const value = (LEAST * 2 * Math.exp(bucket * LOG_GAMMA)) / (GAMMA + 1);
      known = { q, value, total };
      return value;
    },
  };
}
