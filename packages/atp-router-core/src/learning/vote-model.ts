import type { PromptFeatures } from "./prompt-features.js";

/** How a task's prompts are brought to one scale, with the share of it that each category has. */
export interface FeatureScale {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  /** Known categories, each of which is one feature of 0 or 1 after the numeric ones. */
  readonly categories: readonly string[];
}

/**
 * A conditional logit over the groups of equal answers and one further option, "none of them is right" (McFadden 1974). Each
 * voter adds its weight to the group it is in and its `dissent` to "none"; weights are fitted together, so voters that err
 * together share one weight. All lists run along `adapters`.
 */
export interface VoteModel {
  readonly adapters: readonly string[];
  /** Added to the group that an adapter's answer is in. */
  readonly weight: readonly number[];
  /** Added to "none" for an adapter that answered. */
  readonly dissent: readonly number[];
  /** Added to "none" for an adapter that was asked and gave no answer. */
  readonly silent: readonly number[];
  /** For each adapter, one number per scaled prompt feature, added to `weight`. Empty: prompts do not matter. */
  readonly prompt: readonly (readonly number[])[];
  /** For each adapter, weights of its answer's length: `[z, max(z - 1, 0)]` of log output tokens. Empty: length does not matter. */
  readonly length: readonly (readonly number[])[];
  /** Mean and deviation of each adapter's log output tokens. Empty with `length`. */
  readonly lengthScale: readonly (readonly [mean: number, deviation: number])[];
  /** For pairs `i < j` in the order (0,1), (0,2) ...: added when both are in one group. Empty: none. */
  readonly pairs: readonly number[];
  /** Added to a group: of one member; per log of its size; per its share of the answers. */
  readonly size: readonly [alone: number, logSize: number, share: number];
  /** "None": constant; per group / 3; per log of the answers; per groups / answers. */
  readonly none: readonly [constant: number, groups: number, logAsked: number, spread: number];
  /** One number per scaled prompt feature, added to "none". Empty: prompts do not matter. */
  readonly nonePrompt: readonly number[];
  readonly scale: FeatureScale;
  /** The weight of an adapter that is not in `adapters`. */
  readonly unknownWeight: number;
}

/** An answer that came, in the form that consensus compares: the same key is the same answer. */
export interface SeenAnswer {
  readonly adapter: string;
  /** Null: it was asked and gave nothing that can be compared. Null never agrees with anything, another null included. */
  readonly answerKey: string | null;
  /** The adapter's own word for it, 0 to 1. Not trusted here: calibrate it first, and pass it where it was fitted. */
  readonly confidence?: number;
  readonly outputTokens?: number;
}

/** One group of equal answers and its probability of being right. */
export interface AnswerGroup {
  readonly answerKey: string;
  /** In the order in which they came. */
  readonly adapters: readonly string[];
  readonly probability: number;
}

/** Probabilities of the groups, the likeliest first, and of none. They add up to 1. */
export interface Posterior {
  readonly groups: readonly AnswerGroup[];
  readonly none: number;
}

/** Scaled features further out than this are outliers of a prompt that is like no other. */
const CLIP = 4;

/** A prompt's features on the scale of a task: numbers clipped to 4 deviations, then one 0 or 1 for each known category. */
export function scaledPrompt(scale: FeatureScale, prompt: PromptFeatures): Float64Array {
  const numbers = scale.mean.length;
  const x = new Float64Array(numbers + scale.categories.length);
  for (let i = 0; i < numbers; i++) x[i] = scaled(prompt.values[i] ?? 0, scale.mean[i] ?? 0, scale.deviation[i] ?? 1);
  const category = scale.categories.indexOf(prompt.category);
  if (category >= 0) x[numbers + category] = 1;
  return x;
}

/** `value` in deviations from the mean, clipped; 0 when it is no number. */
function scaled(value: number, mean: number, deviation: number): number {
  const z = deviation > 0 ? (value - mean) / deviation : 0;
  return Number.isFinite(z) ? Math.min(CLIP, Math.max(-CLIP, z)) : 0;
}

/** The inner product of a fitted list with features; 0 for an empty one. */
export function dot(weights: ArrayLike<number>, x: ArrayLike<number>): number {
  let sum = 0;
  const length = Math.min(weights.length, x.length);
  for (let i = 0; i < length; i++) sum += (weights[i] as number) * (x[i] as number);
  return sum;
}

/** What each adapter's weight gains or loses by this prompt, along `votes.adapters`, and what "none" does. */
export interface PromptEffect {
  readonly adapters: Float64Array;
  readonly none: number;
}

/** Reads a prompt once for all decisions about it. */
export function promptEffect(votes: VoteModel, prompt: PromptFeatures): PromptEffect {
  const adapters = new Float64Array(votes.adapters.length);
  if (votes.prompt.length === 0 && votes.nonePrompt.length === 0) return { adapters, none: 0 };
  const x = scaledPrompt(votes.scale, prompt);
  for (let i = 0; i < adapters.length; i++) adapters[i] = dot(votes.prompt[i] ?? [], x);
  return { adapters, none: dot(votes.nonePrompt, x) };
}

/** What an answer's length adds to its adapter's vote. */
export function lengthEffect(votes: VoteModel, adapter: number, outputTokens: number | undefined): number {
  const weights = votes.length[adapter];
  const scale = votes.lengthScale[adapter];
  if (weights === undefined || scale === undefined || outputTokens === undefined) return 0;
  const z = scaled(Math.log(1 + Math.max(0, outputTokens)), scale[0], scale[1]);
  return (weights[0] ?? 0) * z + (weights[1] ?? 0) * Math.max(z - 1, 0);
}

interface Tally {
  readonly answerKey: string;
  readonly adapters: string[];
  readonly indexes: number[];
  size: number;
  score: number;
}

/** Where pair `i < j` stands among the pairs of `count` adapters. */
export function pairIndex(i: number, j: number, count: number): number {
  return i * count - (i * (i + 1)) / 2 + (j - i - 1);
}

/**
 * The probability of each group of equal answers, and of none. Answers that come again from one adapter share its one vote. The
 * order of the answers changes nothing but the order of equals.
 */
export function posterior(
  votes: VoteModel,
  prompt: PromptFeatures | PromptEffect,
  seen: readonly SeenAnswer[],
): Posterior {
  if (seen.length === 0) return { groups: [], none: 1 };
  const effect = "values" in prompt ? promptEffect(votes, prompt) : prompt;
  const samples = new Map<string, number>();
  for (const { adapter } of seen) samples.set(adapter, (samples.get(adapter) ?? 0) + 1);
  const asked = samples.size;
  const tallies: Tally[] = [];
  let none = (votes.none[0] ?? 0) + effect.none;
  for (const answer of seen) {
    const at = votes.adapters.indexOf(answer.adapter);
    const share = 1 / (samples.get(answer.adapter) ?? 1);
    if (answer.answerKey === null) {
      none += share * (votes.silent[at] ?? 0);
      continue;
    }
    none += share * (votes.dissent[at] ?? 0);
    let tally = tallies.find(({ answerKey }) => answerKey === answer.answerKey);
    if (tally === undefined) {
      tally = { answerKey: answer.answerKey, adapters: [], indexes: [], size: 0, score: 0 };
      tallies.push(tally);
    }
    const own = at < 0 ? votes.unknownWeight : (votes.weight[at] ?? 0) + (effect.adapters[at] ?? 0);
    tally.score += share * (own + lengthEffect(votes, at, answer.outputTokens));
    tally.size += share;
    if (!tally.adapters.includes(answer.adapter)) {
      tally.adapters.push(answer.adapter);
      if (at >= 0) tally.indexes.push(at);
    }
  }
  none +=
    (votes.none[1] * tallies.length) / 3 + votes.none[2] * Math.log(asked) + (votes.none[3] * tallies.length) / asked;
  let highest = none;
  for (const tally of tallies) {
    const { size } = tally;
    tally.score +=
      (size <= 1 ? votes.size[0] : 0) + votes.size[1] * Math.log(Math.max(1, size)) + (votes.size[2] * size) / asked;
    tally.score += pairScore(votes, tally.indexes);
    highest = Math.max(highest, tally.score);
  }
  const noneShare = Math.exp(none - highest);
  const total = tallies.reduce((sum, { score }) => sum + Math.exp(score - highest), noneShare);
  return {
    groups: tallies
      .map(({ answerKey, adapters, score }) => ({
        answerKey,
        adapters,
        probability: Math.exp(score - highest) / total,
      }))
      .sort((a, b) => b.probability - a.probability),
    none: noneShare / total,
  };
}

function pairScore(votes: VoteModel, indexes: readonly number[]): number {
  if (votes.pairs.length === 0) return 0;
  let sum = 0;
  for (const i of indexes)
    for (const j of indexes) if (i < j) sum += votes.pairs[pairIndex(i, j, votes.adapters.length)] ?? 0;
  return sum;
}

/** The member of a group that the model trusts the most for this prompt; undefined for an empty group. */
export function weightiest(votes: VoteModel, effect: PromptEffect, group: AnswerGroup): string | undefined {
  const trust = (adapter: string): number => {
    const at = votes.adapters.indexOf(adapter);
    return at < 0 ? votes.unknownWeight : (votes.weight[at] ?? 0) + (effect.adapters[at] ?? 0);
  };
  return [...group.adapters].sort((a, b) => trust(b) - trust(a) || (a < b ? -1 : 1))[0];
}

/**
 * A model that knows nothing yet: every adapter weighs the same, more than one dissenter takes from it, and two that agree are
 * surer than one. Online learning starts from it.
 */
export function neutralVotes(adapters: readonly string[]): VoteModel {
  const each = <T>(value: T): T[] => adapters.map(() => value);
  return {
    adapters,
    weight: each(1),
    dissent: each(0),
    silent: each(0),
    prompt: [],
    length: [],
    lengthScale: [],
    pairs: [],
    size: [0, 0, 0],
    none: [0, 0, 0, 0],
    nonePrompt: [],
    scale: { mean: [], deviation: [], categories: [] },
    unknownWeight: 1,
  };
}
