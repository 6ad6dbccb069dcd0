import { newChangeWatch, watchChange } from "./change.js";
import type { ChangeWatch } from "./change.js";
import { LEVELS, encode, fitDifficulty, newDifficultyModel, sampleDifficulty } from "./difficulty.js";
import type { AccuracyPrior, DifficultyModel, Encoded } from "./difficulty.js";
import { createLookahead } from "./lookahead.js";
import type { Lookahead } from "./lookahead.js";
import { patternOf, without } from "./patterns.js";
import type { Pattern } from "./patterns.js";

/** Adapters that are learned of, per task; more are asked, but not learned. */
export const MAX_LEARNED = 16;
/** How much one verdict nobody gave counts beside one that somebody did. */
const UNKNOWN_WEIGHT = 0.1;
/** What an epoch counts beside the one after it. */
const FADE = 0.99;
/** A pattern that counts less is forgotten. */
const FORGOTTEN = 0.02;
/** Patterns between two fits: so many, or this share of all that was seen. */
const REFIT_EVERY = 10;
const REFIT_SHARE = 0.03;
/** Beliefs that are drawn at a fit; each request is decided by one of them. */
const DRAWS = 2;
const MAX_LOOKAHEADS = 32;
const MAX_CALLS = 4;

/** Counts of a task over all routers, as the learner reads them: by epoch, then by pattern. */
export type CountsByEpoch = Iterable<readonly [epoch: number, key: string, count: number]>;

/** What is learned of one task: who is right how often, and when who agrees. */
export interface TaskLearner {
  readonly adapters: readonly string[];
  /** An adapter that may be asked. */
  know(adapter: string): void;
  /** Fits anew when enough came in since; `must`: only when nothing fitted is there, as after a new adapter. */
  refresh(when?: "due" | "must"): void;
  /** Makes the next {@link refresh} fit. */
  stale(): void;
  /** A verdict on answers. Returns adapters that changed, with the epoch since when. */
  judged(pattern: Pattern, epoch: number): readonly { readonly adapter: string; readonly since: number }[];
  /** One way to think ahead for each belief that was drawn, at these prices (chances of a right answer, by adapter). */
  lookaheads(prices: ReadonlyMap<string, number>, scale: string): readonly Lookahead[];
  /** What the best belief makes of answers, without a thought of what to ask. */
  readonly best: Lookahead;
  /** Chance that each adapter is right on a question of which nothing is known, from 0 to 1. */
  accuracy(bucket: string): Readonly<Record<string, number>>;
  /** Patterns that somebody judged, with what they counted in the last fit. */
  patterns(): Iterable<readonly [key: string, weight: number]>;
  readonly fits: number;
}

/** What a learner of a task needs. */
export interface TaskLearnerOptions {
  readonly priors: Readonly<Record<string, AccuracyPrior>>;
  readonly counts: () => CountsByEpoch;
  readonly epoch: () => number;
  readonly since: () => Readonly<Record<string, number>>;
  /** Numbers of the standard normal distribution. */
  readonly normal: () => number;
  /** Decide by the best belief alone. */
  readonly greedy: boolean;
}

/** A learner of one task. Its own state can be made again from the counts at any time. */
export function createTaskLearner(options: TaskLearnerOptions): TaskLearner {
  let names: string[] = [];
  let indexOf = new Map<string, number>();
  let prior = newDifficultyModel([], options.priors);
  let model = prior;
  let drawn: readonly DifficultyModel[] = [];
  let fresh = 0;
  let seen = 0;
  let fits = 0;
  let must = true;
  let stale = false;
  let known: (readonly [string, number])[] = [];
  let plain: Lookahead | undefined;
  const watches = new Map<string, ChangeWatch>();
  const ahead = new Map<string, Lookahead>();
  const encodedOf = new Map<string, Encoded | null>();

  function restart(): void {
    indexOf = new Map(names.map((name, i) => [name, i]));
    prior = newDifficultyModel(names, options.priors);
    model = prior;
    plain = undefined;
    ahead.clear();
    encodedOf.clear();
    must = true;
    fits = 0;
  }

  function know(adapter: string): void {
    if (indexOf.has(adapter) || names.length >= MAX_LEARNED) return;
    names = [...names, adapter];
    restart();
  }

  function encodedFor(key: string, gone: ReadonlySet<string>): Encoded | null {
    const id = gone.size === 0 ? key : `${key} -${[...gone].sort().join()}`;
    const had = encodedOf.get(id);
    if (had !== undefined) return had;
    const pattern = patternOf(key);
    const left = pattern === undefined ? undefined : without(pattern, gone);
    const encoded = left === undefined ? null : encode(left, indexOf);
    encodedOf.set(id, encoded);
    return encoded;
  }

  function refresh(when: "due" | "must" = "due"): void {
    if (!must && (when === "must" || (!stale && fresh < Math.max(REFIT_EVERY, seen * REFIT_SHARE)))) return;
    const present = options.epoch();
    known = [];
    const since = Object.entries(options.since());
    const weights = new Map<Encoded, number>();
    for (const [epoch, key, count] of options.counts()) {
      const fade = FADE ** Math.max(0, present - epoch);
      const weight = count * fade * (key.endsWith("?") ? UNKNOWN_WEIGHT : 1);
      if (fade < FORGOTTEN) continue;
      const gone = new Set(since.filter(([, from]) => epoch < from).map(([adapter]) => adapter));
      const encoded = encodedFor(key, gone);
      if (encoded !== null && !key.endsWith("?")) known.push([key, weight]);
      if (encoded !== null) weights.set(encoded, (weights.get(encoded) ?? 0) + weight);
    }
    const patterns = [...weights].map(([encoded, weight]) => ({ encoded, weight }));
    model = fitDifficulty(model, patterns, prior, fits < 6 ? 15 : 4);
    drawn = options.greedy ? [model] : Array.from({ length: DRAWS }, () => sampleDifficulty(model, options.normal));
    ahead.clear();
    plain = undefined;
    fits++;
    fresh = 0;
    must = false;
    stale = false;
  }

  function lookahead(of: DifficultyModel, id: string, prices: ReadonlyMap<string, number>): Lookahead {
    const had = ahead.get(id);
    if (had !== undefined) return had;
    if (ahead.size >= MAX_LOOKAHEADS) ahead.clear();
    const made = createLookahead(of, {
      prices: of.adapters.map((name) => prices.get(name) ?? Infinity),
      maxCalls: MAX_CALLS,
    });
    ahead.set(id, made);
    return made;
  }

  return {
    get adapters() {
      return names;
    },
    know,
    refresh,
    stale: () => (stale = true),
    patterns: () => known,
    judged(pattern, epoch) {
      seen++;
      fresh++;
      const changed: { adapter: string; since: number }[] = [];
      if (!("right" in pattern.truth) && !("none" in pattern.truth)) return changed;
      const right = "right" in pattern.truth ? pattern.truth.right : -1;
      const asked = [
        ...pattern.groups.flatMap((group, k) => group.map((name) => ({ name, right: k === right }))),
        ...pattern.silent.map((name) => ({ name, right: false })),
      ].filter(({ name }) => indexOf.has(name));
      if (fits > 0)
        for (const one of asked) {
          const expected = expectedOf(model, pattern.bucket, one.name, asked, indexOf);
          const watch = watches.get(one.name) ?? newChangeWatch(epoch);
          watches.set(one.name, watch);
          const since = watchChange(watch, expected, one.right, epoch);
          if (since === undefined) continue;
          watches.set(one.name, newChangeWatch(epoch));
          changed.push({ adapter: one.name, since });
          stale = true;
        }
      return changed;
    },
    lookaheads: (prices, scale) => drawn.map((draw, i) => lookahead(draw, `${i} ${scale}`, prices)),
    get best() {
      return (plain ??= createLookahead(model, { prices: [], maxCalls: 0 }));
    },
    accuracy(bucket) {
      const spread = model.buckets.get(bucket) ?? model.spread;
      return Object.fromEntries(
        names.map((name, i) => {
          let sum = 0;
          for (let g = 0; g < LEVELS; g++) sum += (spread[g] as number) * (model.right[i * LEVELS + g] as number);
          return [name, sum];
        }),
      );
    },
    get fits() {
      return fits;
    },
  };
}

/** How likely an adapter was to be right, by how the others did on the same question. */
function expectedOf(
  model: DifficultyModel,
  bucket: string,
  name: string,
  asked: readonly { readonly name: string; readonly right: boolean }[],
  indexOf: ReadonlyMap<string, number>,
): number {
  const spread = model.buckets.get(bucket) ?? model.spread;
  const own = indexOf.get(name) as number;
  let sum = 0;
  let total = 0;
  for (let g = 0; g < LEVELS; g++) {
    let weight = spread[g] as number;
    for (const other of asked) {
      if (other.name === name) continue;
      const p = model.right[(indexOf.get(other.name) as number) * LEVELS + g] as number;
      weight *= other.right ? p : 1 - p;
    }
    total += weight;
    sum += weight * (model.right[own * LEVELS + g] as number);
  }
  return total > 0 ? sum / total : 0.5;
}
