import type { Pattern } from "./patterns.js";

/** Steps of difficulty that are told apart, from the hardest question to the easiest. */
export const LEVELS = 9;
const SPAN = 2.4;
const level = (g: number): number => -SPAN + (2 * SPAN * g) / (LEVELS - 1);
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
/** The least and the most that an adapter is believed to know of any question. */
const SURELY = 0.995;
/** An adapter of which nothing is known: right about as often as a fair one, and better where questions are easy. */
const OFFSET = 1;
const OFFSET_WEIGHT = 0.5;
const SLOPE = 1.8;
const SLOPE_WEIGHT = 4;
/** Questions' worth of belief in the usual spread of difficulty, and in a bucket being like its task. */
const SPREAD_WEIGHT = 20;
const BUCKET_WEIGHT = 20;
/** Wrong answers that were seen silent, before any was seen. */
const SILENT = 0.05;
const SILENT_WEIGHT = 20;

/**
 * How hard questions of a task are, and how each adapter does at each difficulty: the two-parameter logistic model of item
 * response theory with adapters for items, over a fixed grid, beside a Chinese-restaurant process that says how often wrong
 * answers coincide. One hidden difficulty makes adapters err together without a parameter for each pair of them.
 */
export interface DifficultyModel {
  readonly adapters: readonly string[];
  /** Chance to be right, adapter by adapter, `LEVELS` numbers each. */
  readonly right: Float64Array;
  readonly slope: Float64Array;
  readonly offset: Float64Array;
  /** The same as precision: slope-slope, slope-offset, offset-offset of each adapter. */
  readonly certainty: Float64Array;
  /** Chance that a wrong answer is none at all, by adapter. */
  readonly silent: Float64Array;
  /** How common each level is, for the task and by bucket. */
  readonly spread: Float64Array;
  readonly buckets: ReadonlyMap<string, Float64Array>;
  /** Concentration of wrong answers: small, they coincide; large, each errs in its own way. */
  readonly scatter: number;
}

/** A pattern and how much it counts. */
export interface Weighted {
  readonly pattern: Pattern;
  readonly weight: number;
}

/** What is believed before anything was seen: how often an adapter is right, and how many questions that is worth. */
export interface AccuracyPrior {
  readonly accuracy: number;
  readonly weight: number;
}

const usual = (): Float64Array => {
  const spread = Float64Array.from({ length: LEVELS }, (_, g) => Math.exp((-level(g) * level(g)) / 2));
  const sum = spread.reduce((a, b) => a + b, 0);
  return spread.map((x) => x / sum);
};

/** The offset at which an adapter of the usual slope is right with a chance of `accuracy` over the usual spread. */
function offsetOf(accuracy: number): number {
  const spread = usual();
  let low = -8;
  let high = 8;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    let mean = 0;
    for (let g = 0; g < LEVELS; g++) mean += (spread[g] as number) * logistic(middle + SLOPE * level(g));
    if (mean < accuracy) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** A model of adapters of which only priors are known. */
export function newDifficultyModel(
  adapters: readonly string[],
  priors: Readonly<Record<string, AccuracyPrior>> = {},
): DifficultyModel {
  const n = adapters.length;
  const offsets = adapters.map((name) => {
    const prior = priors[name];
    return prior === undefined ? OFFSET : offsetOf(Math.min(0.99, Math.max(0.01, prior.accuracy)));
  });
  // A question's worth of an accuracy is about p(1-p) of precision in its offset, less for the spread of difficulty.
  const weights = adapters.map((name) => Math.max(OFFSET_WEIGHT, (priors[name]?.weight ?? 0) * 0.12));
  const model = {
    adapters,
    right: new Float64Array(n * LEVELS),
    slope: new Float64Array(n).fill(SLOPE),
    offset: Float64Array.from(offsets),
    certainty: new Float64Array(n * 3),
    silent: new Float64Array(n).fill(SILENT),
    spread: usual(),
    buckets: new Map<string, Float64Array>(),
    scatter: 1,
  };
  for (let i = 0; i < n; i++) model.certainty.set([SLOPE_WEIGHT, 0, weights[i] ?? OFFSET_WEIGHT], i * 3);
  fillRight(model);
  return model;
}

function fillRight({ adapters, right, slope, offset }: DifficultyModel): void {
  for (let i = 0; i < adapters.length; i++)
    for (let g = 0; g < LEVELS; g++) {
      const p = logistic((offset[i] as number) + (slope[i] as number) * level(g));
      right[i * LEVELS + g] = Math.min(SURELY, Math.max(1 - SURELY, p));
    }
}

/** A pattern in the model's numbers. */
export interface Encoded {
  readonly bucket: string;
  /** Indices of adapters by group. */
  readonly groups: readonly (readonly number[])[];
  readonly silent: readonly number[];
  /** Groups that may be right; the last place is "none of them". */
  readonly possible: readonly boolean[];
}

/** A pattern in numbers; adapters that the model does not know are left out. */
export function encode(pattern: Pattern, indexOf: ReadonlyMap<string, number>): Encoded {
  const known = (names: readonly string[]): number[] =>
    names.map((name) => indexOf.get(name) ?? -1).filter((index) => index >= 0);
  const { truth } = pattern;
  const possible = [...pattern.groups.keys(), pattern.groups.length].map((k) =>
    "right" in truth
      ? k === truth.right
      : "none" in truth
        ? k === pattern.groups.length
        : "wrong" in truth
          ? k !== truth.wrong
          : true,
  );
  return { bucket: pattern.bucket, groups: pattern.groups.map(known), silent: known(pattern.silent), possible };
}

/**
 * The joint weight of each level and each group being right: row k of `LEVELS` numbers for group k, the last row for none.
 * Everything that is asked of the model follows from it.
 */
export function joint(model: DifficultyModel, { bucket, groups, silent, possible }: Encoded): Float64Array {
  const rows = groups.length + 1;
  const out = new Float64Array(rows * LEVELS);
  const spread = model.buckets.get(bucket) ?? model.spread;
  for (let k = 0; k < rows; k++) {
    if (possible[k] === false) continue;
    const coincide = seating(groups, k, model.scatter);
    for (let g = 0; g < LEVELS; g++) {
      let weight = (spread[g] as number) * coincide;
      for (const i of silent) weight *= (1 - (model.right[i * LEVELS + g] as number)) * (model.silent[i] as number);
      for (let j = 0; j < groups.length; j++)
        for (const i of groups[j] as readonly number[]) {
          const p = model.right[i * LEVELS + g] as number;
          weight *= j === k ? p : (1 - p) * (1 - (model.silent[i] as number));
        }
      out[k * LEVELS + g] = weight;
    }
  }
  return out;
}

/** The chance that wrong answers fall into these groups, group `right` left out: the Chinese-restaurant process. */
function seating(groups: readonly (readonly number[])[], right: number, scatter: number): number {
  let chance = 1;
  let seated = 0;
  for (let j = 0; j < groups.length; j++) {
    if (j === right) continue;
    const size = (groups[j] as readonly number[]).length;
    for (let s = 0; s < size; s++) chance *= (s === 0 ? scatter : s) / (seated++ + scatter);
  }
  return chance;
}

const scatters = [0.1, 0.15, 0.22, 0.33, 0.5, 0.75, 1.1, 1.6, 2.4, 3.6, 5.4, 8, 12, 18, 27];

/**
 * Fits a model to patterns by expectation maximisation from where `start` stands, with priors that a few questions outweigh.
 * Whom a router asks depends only on answers it saw, so the adapters it did not ask are missing at random and need no correction
 * (Rubin 1976). Costs about `rounds` x patterns x groups x `LEVELS` multiplications per adapter.
 */
export function fitDifficulty(
  start: DifficultyModel,
  seen: readonly { readonly encoded: Encoded; readonly weight: number }[],
  prior: DifficultyModel,
  rounds: number,
): DifficultyModel {
  const n = start.adapters.length;
  const model = {
    ...start,
    right: start.right.slice(),
    slope: start.slope.slice(),
    offset: start.offset.slice(),
    certainty: start.certainty.slice(),
    silent: start.silent.slice(),
    spread: start.spread.slice(),
    buckets: new Map(start.buckets),
  };
  const bySeats = new Float64Array(scatters.length);
  const quiet = new Float64Array(n);
  const wrong = new Float64Array(n);
  for (let round = 0; round < rounds; round++) {
    const asked = new Float64Array(n * LEVELS);
    const right = new Float64Array(n * LEVELS);
    const levels = new Float64Array(LEVELS);
    const byBucket = new Map<string, Float64Array>();
    const last = round === rounds - 1;
    for (const { encoded, weight } of seen) {
      const chances = joint(model, encoded);
      let total = 0;
      for (const chance of chances) total += chance;
      if (!(total > 0)) continue;
      const own = byBucket.get(encoded.bucket) ?? new Float64Array(LEVELS);
      byBucket.set(encoded.bucket, own);
      const { groups, silent } = encoded;
      for (let k = 0; k <= groups.length; k++) {
        let share = 0;
        for (let g = 0; g < LEVELS; g++) {
          const w = (weight * (chances[k * LEVELS + g] as number)) / total;
          if (w === 0) continue;
          share += w;
          levels[g] = (levels[g] as number) + w;
          own[g] = (own[g] as number) + w;
          for (const i of silent) asked[i * LEVELS + g] = (asked[i * LEVELS + g] as number) + w;
          for (let j = 0; j < groups.length; j++)
            for (const i of groups[j] as readonly number[]) {
              asked[i * LEVELS + g] = (asked[i * LEVELS + g] as number) + w;
              if (j === k) right[i * LEVELS + g] = (right[i * LEVELS + g] as number) + w;
            }
        }
        if (!last || share === 0) continue;
        scatters.forEach((s, at) => {
          bySeats[at] = (bySeats[at] as number) + share * Math.log(seating(groups, k, s));
        });
        for (const i of silent) quiet[i] = (quiet[i] as number) + share;
        groups.forEach((group, j) => {
          if (j !== k) for (const i of group) wrong[i] = (wrong[i] as number) + share;
        });
      }
    }
    for (let i = 0; i < n; i++) newton(model, prior, i, asked, right);
    fillRight(model);
    mix(model.spread, levels, usual(), SPREAD_WEIGHT);
    for (const [bucket, own] of byBucket) {
      const spread = new Float64Array(LEVELS);
      mix(spread, own, model.spread, BUCKET_WEIGHT);
      model.buckets.set(bucket, spread);
    }
  }
  let best = 0;
  scatters.forEach((s, at) => {
    bySeats[at] = (bySeats[at] as number) - Math.log(s) ** 2 / 2;
    if (bySeats[at] > (bySeats[best] as number)) best = at;
  });
  for (let i = 0; i < n; i++) {
    const q = quiet[i] as number;
    model.silent[i] = (q + SILENT * SILENT_WEIGHT) / (q + (wrong[i] as number) + SILENT_WEIGHT);
  }
  return { ...model, scatter: scatters[best] as number };
}

function mix(into: Float64Array, counts: Float64Array, base: Float64Array, weight: number): void {
  let total = 0;
  for (let g = 0; g < LEVELS; g++) total += (counts[g] as number) + weight * (base[g] as number);
  for (let g = 0; g < LEVELS; g++) into[g] = ((counts[g] as number) + weight * (base[g] as number)) / total;
}

/** Two Newton steps of one adapter's logistic regression on difficulty, and the certainty it ends with. */
function newton(
  model: DifficultyModel,
  prior: DifficultyModel,
  i: number,
  asked: Float64Array,
  right: Float64Array,
): void {
  const [slopeWeight, offsetWeight] = [prior.certainty[i * 3] as number, prior.certainty[i * 3 + 2] as number];
  let slope = model.slope[i] as number;
  let offset = model.offset[i] as number;
  for (let step = 0; step < 3; step++) {
    let bySlope = -slopeWeight * (slope - (prior.slope[i] as number));
    let byOffset = -offsetWeight * (offset - (prior.offset[i] as number));
    let [ss, so, oo] = [slopeWeight, 0, offsetWeight];
    for (let g = 0; g < LEVELS; g++) {
      const n = asked[i * LEVELS + g] as number;
      if (n === 0) continue;
      const x = level(g);
      const p = logistic(offset + slope * x);
      const miss = (right[i * LEVELS + g] as number) - n * p;
      const w = n * p * (1 - p);
      byOffset += miss;
      bySlope += miss * x;
      oo += w;
      so += w * x;
      ss += w * x * x;
    }
    if (step === 2) {
      model.certainty.set([ss, so, oo], i * 3);
      break;
    }
    const det = ss * oo - so * so;
    const bounded = (by: number): number => Math.max(-1, Math.min(1, by));
    slope = Math.max(0.1, Math.min(5, slope + bounded((bySlope * oo - byOffset * so) / det)));
    offset += bounded((byOffset * ss - bySlope * so) / det);
  }
  model.slope[i] = slope;
  model.offset[i] = offset;
}

/**
 * The model with every adapter's abilities drawn from what is still believable of them (Thompson sampling), so that who is little
 * known is now and then taken for good. `normal` gives numbers of the standard normal distribution.
 */
export function sampleDifficulty(model: DifficultyModel, normal: () => number): DifficultyModel {
  const drawn = { ...model, right: model.right.slice(), slope: model.slope.slice(), offset: model.offset.slice() };
  for (let i = 0; i < model.adapters.length; i++) {
    const [ss, so, oo] = model.certainty.subarray(i * 3, i * 3 + 3) as unknown as [number, number, number];
    const l11 = Math.sqrt(ss);
    const l21 = so / l11;
    const l22 = Math.sqrt(Math.max(1e-9, oo - l21 * l21));
    const byOffset = normal() / l22;
    drawn.offset[i] = (model.offset[i] as number) + byOffset;
    drawn.slope[i] = Math.max(0.1, Math.min(5, (model.slope[i] as number) + (normal() - l21 * byOffset) / l11));
  }
  fillRight(drawn);
  return drawn;
}
