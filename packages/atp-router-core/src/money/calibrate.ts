import type { Estimate, Usage } from "../model/index.js";
import { newTail, roomy, seeTail } from "./tail.js";
import type { Tail } from "./tail.js";

/** How fast what was seen is forgotten: the weight of a call after one more. About the last fifty calls count. */
const DISCOUNT = 0.98;
/** How many calls of its own a task needs until it counts as much as what is known of the adapter; so too for the adapter. */
const PRIOR_CALLS = 8;
/** A call's ratio of actual to quoted counts at most so much, up or down: one outlier does not decide. */
const MAX_LOG_RATIO = Math.log(20);
/** Standard deviations above the mean of the 95th percentile. */
const P95_DEVIATIONS = 1.645;
/** Pairs of adapter and task that are remembered; task types come from clients. */
const MAX_TASKS = 2_000;

const dimensions = ["inTokens", "outTokens", "usdMicros"] as const;
type Measured = (typeof dimensions)[number];

/** Discounted moments of log(actual / quoted): plain data. */
interface Moments {
  weight: number;
  mean: number;
  /** Weighted sum of squared differences from the mean. */
  squares: number;
}

type Track = Record<Measured, Moments>;

/** A call that ended. */
export interface CostSample {
  /** The adapter's own quote, before any correction. */
  readonly estimate: Estimate;
  readonly used: Usage;
  /** It was cut (by its clip, its hold, a cancel): it would have used at least this. */
  readonly cut: boolean;
}

/** What is known of an adapter's quotes for a task. */
export interface Correction {
  /** Discounted number of calls. */
  readonly calls: number;
  /** What calls cost as a multiple of the quote, and the spread of its logarithm. */
  readonly bias: Readonly<Record<Measured, number>>;
  readonly spread: Readonly<Record<Measured, number>>;
}

/** Learns how far an adapter's quotes are off. Plain state behind synchronous operations. */
export interface Calibrator {
  observe(adapter: string, taskType: string, sample: CostSample): void;
  /** The quote as it should have been, with 95th percentiles: integers, and never surer than what was seen. */
  correct(adapter: string, taskType: string, estimate: Estimate): Estimate;
  correction(adapter: string, taskType: string): Correction;
  forget(adapter: string): void;
}

const newTrack = (): Track => ({
  inTokens: { weight: 0, mean: 0, squares: 0 },
  outTokens: { weight: 0, mean: 0, squares: 0 },
  usdMicros: { weight: 0, mean: 0, squares: 0 },
});

/** One more observation, the older ones discounted (West's weighted update). */
function add(m: Moments, x: number): void {
  m.weight = m.weight * DISCOUNT + 1;
  m.squares *= DISCOUNT;
  const delta = x - m.mean;
  m.mean += delta / m.weight;
  m.squares += delta * (x - m.mean);
}

/** The share of the own mean that counts beside a prior. */
const trust = (m: Moments): number => m.weight / (m.weight + PRIOR_CALLS);

function variance(m: Moments): number {
  return m.weight <= 1 ? 0 : m.squares / (m.weight - 1);
}

/** Ratios are of amounts plus one, so that a quote of 0 can be corrected as well. */
function logRatio(actual: number, quoted: number): number {
  const ratio = Math.log((actual + 1) / (quoted + 1));
  return Math.max(-MAX_LOG_RATIO, Math.min(MAX_LOG_RATIO, ratio));
}

/** What quotes are taken to spread by, in logarithms, while nothing else was seen: cut calls alone show no spread. */
const PRIOR_DEVIATION = 0.3;

/**
 * What a call that was cut at `x` would have come to: the mean of a normal tail beyond it (the imputation of Buckley and James, with
 * Sampford's bound for the inverse Mills ratio). Without it clips would confirm themselves: every cut call looks as long as its clip.
 */
function expectedAbove(x: number, { mean, variance: seen }: { mean: number; variance: number }): number {
  const deviation = Math.max(PRIOR_DEVIATION, Math.sqrt(seen));
  const z = (x - mean) / deviation;
  return Math.min(MAX_LOG_RATIO, mean + (deviation * (3 * z + Math.sqrt(z * z + 8))) / 4);
}

/**
 * Online correction of quotes, per adapter and task: bias and spread of the logarithm of actual over quoted, discounted; a task that
 * was hardly seen leans on its adapter, and an adapter that was hardly seen on its own word.
 */
export function createCalibrator(): Calibrator {
  const tasks = new Map<string, Track>();
  const adapters = new Map<string, Track>();
  const tails = new Map<string, Tail>();
  const keyOf = (adapter: string, taskType: string): string => `${adapter}\n${taskType}`;

  function trackOf(tracks: Map<string, Track>, key: string): Track {
    let track = tracks.get(key);
    if (track === undefined) {
      track = newTrack();
      if (tracks.size >= MAX_TASKS) {
        const [oldest] = tracks.keys();
        if (oldest !== undefined) tracks.delete(oldest);
      }
      tracks.set(key, track);
    }
    return track;
  }

  function tailOf(adapter: string): Tail {
    const tail = tails.get(adapter) ?? newTail();
    tails.set(adapter, tail);
    return tail;
  }

  /** Mean and variance of the log ratio: own and prior mixed by trust; a mixture's variance has the difference of the means in it. */
  function belief(task: Moments | undefined, adapter: Moments | undefined): { mean: number; variance: number } {
    const a = adapter === undefined ? { mean: 0, variance: 0 } : mix(adapter, { mean: 0, variance: 0 });
    return task === undefined ? a : mix(task, a);
  }

  function mix(own: Moments, prior: { mean: number; variance: number }): { mean: number; variance: number } {
    const t = trust(own);
    const mean = t * own.mean + (1 - t) * prior.mean;
    const apart = own.mean - prior.mean;
    return { mean, variance: t * variance(own) + (1 - t) * prior.variance + t * (1 - t) * apart * apart };
  }

  function beliefs(adapter: string, taskType: string): Record<Measured, { mean: number; variance: number }> {
    const task = tasks.get(keyOf(adapter, taskType));
    const own = adapters.get(adapter);
    const of = (d: Measured): { mean: number; variance: number } => belief(task?.[d], own?.[d]);
    return { inTokens: of("inTokens"), outTokens: of("outTokens"), usdMicros: of("usdMicros") };
  }

  return {
    observe(adapter, taskType, { estimate, used, cut }) {
      const known = beliefs(adapter, taskType);
      const tracks = [trackOf(tasks, keyOf(adapter, taskType)), trackOf(adapters, adapter)];
      for (const d of dimensions) {
        const x = logRatio(used[d], estimate[d]);
        // A call that was cut says "at least this": below what is expected it says nothing.
        if (cut && x < known[d].mean) continue;
        const counted = cut ? expectedAbove(x, known[d]) : x;
        for (const track of tracks) add(track[d], counted);
        if (d === "outTokens") seeTail(tailOf(adapter), counted);
      }
    },
    correct(adapter, taskType, estimate) {
      if (!adapters.has(adapter)) return roomy(estimate, estimate, undefined);
      const known = beliefs(adapter, taskType);
      const scaled = (value: number, d: Measured): number =>
        Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.ceil((value + 1) * Math.exp(known[d].mean) - 1 - 1e-9)));
      const inTokens = scaled(estimate.inTokens, "inTokens");
      const outTokens = scaled(estimate.outTokens, "outTokens");
      const usdMicros = scaled(estimate.usdMicros, "usdMicros");
      /** The larger of what the adapter said of its spread and what was seen, in squared units. */
      const spread = (quoted: number, d: Measured, mean: number): number =>
        Math.min(1e300, Math.max(quoted * Math.exp(2 * known[d].mean), known[d].variance * mean * mean));
      const varianceTokens = spread(estimate.varianceTokens, "outTokens", outTokens);
      const varianceUsd = spread(estimate.varianceUsd, "usdMicros", usdMicros);
      /**
       * The 95th percentile: of what was seen, of what was quoted. Where the clip equals the hold it is never below the quote itself: a
       * hold that is too large comes back, and an answer that was clipped does not.
       */
      const p95 = (d: Measured, mean: number, quoted: number, variance: number, percentile: number): number => {
        const seen = Math.ceil(mean * Math.exp(P95_DEVIATIONS * Math.sqrt(known[d].variance)));
        const told = Math.ceil(mean + P95_DEVIATIONS * Math.sqrt(variance));
        const floor = estimate.cancelsCleanly ? 0 : quoted;
        return Math.min(Number.MAX_SAFE_INTEGER - 1, Math.max(seen, told, floor, scaled(percentile, d)));
      };
      const { p95Tokens = 0, p95UsdMicros = 0 } = estimate;
      const output = Math.max(0, p95Tokens - estimate.inTokens);
      const corrected = {
        ...estimate,
        inTokens,
        outTokens,
        usdMicros,
        varianceTokens,
        varianceUsd,
        p95Tokens: inTokens + p95("outTokens", outTokens, estimate.outTokens, estimate.varianceTokens, output),
        p95UsdMicros: p95("usdMicros", usdMicros, estimate.usdMicros, estimate.varianceUsd, p95UsdMicros),
      };
      return roomy(estimate, corrected, tails.get(adapter));
    },
    correction(adapter, taskType) {
      const known = beliefs(adapter, taskType);
      const each = (of: (d: Measured) => number): Record<Measured, number> => ({
        inTokens: of("inTokens"),
        outTokens: of("outTokens"),
        usdMicros: of("usdMicros"),
      });
      return {
        calls: tasks.get(keyOf(adapter, taskType))?.usdMicros.weight ?? 0,
        bias: each((d) => Math.exp(known[d].mean)),
        spread: each((d) => Math.sqrt(known[d].variance)),
      };
    },
    forget(adapter) {
      adapters.delete(adapter);
      tails.delete(adapter);
      for (const key of tasks.keys()) if (key.startsWith(`${adapter}\n`)) tasks.delete(key);
    },
  };
}
