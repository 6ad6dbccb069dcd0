import { pairIndex, posterior, promptEffect, scaledPrompt } from "./vote-model.js";
import type { SeenAnswer, VoteModel } from "./vote-model.js";
import type { PromptFeatures } from "./prompt-features.js";

/** What came out of one question: answers as they were seen, and of those that were judged whether they were right. */
export interface VoteOutcome {
  readonly prompt: PromptFeatures;
  readonly seen: readonly SeenAnswer[];
  /** Adapters whose answers were right; of nobody else anything is learned to be right. */
  readonly right: readonly string[];
}

/** Steps are at most this long, however large the features: one odd outcome must not undo what many taught. */
const LONGEST = 1;

/** The step after `count` outcomes: 0.3 at first, and slower as more is known. */
export function learningRate(count: number): number {
  return 0.3 / Math.sqrt(1 + count / 50);
}

/**
 * One step of stochastic gradient descent on the conditional logit, in the parameters of the batch fit: what supported the right
 * group (or "none") gains by how unlikely it was held, what supported others loses by how likely. Returns a new model.
 *
 * @param rate see {@link learningRate}
 */
export function learnVotes(votes: VoteModel, outcome: VoteOutcome, rate: number): VoteModel {
  const { prompt, seen, right } = outcome;
  const count = votes.adapters.length;
  const asked = new Set(seen.map(({ adapter }) => adapter)).size;
  if (asked === 0) return votes;
  const { groups, none } = posterior(votes, promptEffect(votes, prompt), seen);
  const target = groups.findIndex(({ adapters }) => adapters.some((name) => right.includes(name)));
  const step = (residual: number): number => Math.max(-LONGEST, Math.min(LONGEST, -rate * residual));
  const noneStep = step(none - (target < 0 ? 1 : 0));
  const weight = [...votes.weight];
  const dissent = [...votes.dissent];
  const silent = [...votes.silent];
  const pairs = [...votes.pairs];
  const size: [number, number, number] = [...votes.size];
  const wantsPrompt = votes.prompt.length > 0;
  const x = wantsPrompt ? scaledPrompt(votes.scale, prompt) : new Float64Array(0);
  const byPrompt = votes.prompt.map((row) => [...row]);
  const answered = new Set<string>();
  groups.forEach(({ adapters, probability }, g) => {
    const own = step(probability - (g === target ? 1 : 0));
    const members = adapters.map((name) => votes.adapters.indexOf(name)).filter((at) => at >= 0);
    for (const at of members) {
      weight[at] = (weight[at] ?? 0) + own;
      dissent[at] = (dissent[at] ?? 0) + noneStep;
      // As many features share one step as a prompt has.
      byPrompt[at]?.forEach((value, i, row) => {
        row[i] = value + (own * (x[i] ?? 0)) / Math.max(1, x.length);
      });
      if (pairs.length > 0)
        for (const other of members)
          if (at < other) {
            const p = pairIndex(at, other, count);
            pairs[p] = (pairs[p] ?? 0) + own;
          }
    }
    for (const name of adapters) answered.add(name);
    if (adapters.length === 1) size[0] += own;
    size[1] += own * Math.log(adapters.length);
    size[2] += (own * adapters.length) / asked;
  });
  for (const { adapter, answerKey } of seen) {
    const at = votes.adapters.indexOf(adapter);
    if (answerKey === null && at >= 0 && !answered.has(adapter)) silent[at] = (silent[at] ?? 0) + noneStep;
  }
  const [constant, perGroup, logAsked, spread] = votes.none;
  return {
    ...votes,
    weight,
    dissent,
    silent,
    pairs,
    size,
    prompt: byPrompt,
    nonePrompt: votes.nonePrompt.map((value, i) => value + (noneStep * (x[i] ?? 0)) / Math.max(1, x.length)),
    none: [
      constant + noneStep,
      perGroup + (noneStep * groups.length) / 3,
      logAsked + noneStep * Math.log(asked),
      spread + (noneStep * groups.length) / asked,
    ],
  };
}
