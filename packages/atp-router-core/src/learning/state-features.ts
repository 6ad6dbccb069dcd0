import type { PromptEffect } from "./vote-model.js";

/** What the value of asking one more depends on, as fitting and deciding both compute it. */
export interface AskState {
  /** Of the likeliest group, the next one, and none. */
  readonly first: number;
  readonly second: number;
  readonly none: number;
  /** Along the policy's adapters: 0 not asked, 1 asked and agrees with the likeliest group, 2 asked and does not, 3 no answer. */
  readonly standing: ArrayLike<number>;
}

/** Log-odds beyond this say no more. */
const CLIP = 5;
/** Features that do not belong to an adapter. */
const SHARED = 13;
/** Features of each adapter, without and with an effect of the prompt. */
const EACH = 5;
const EACH_WITH_PROMPT = 7;

/** How many features a state has, the constant included. */
export function stateSize(adapters: number, withPrompt: boolean): number {
  return SHARED + adapters * (withPrompt ? EACH_WITH_PROMPT : EACH) + 1;
}

/**
 * Writes a state's features into `out` from `at` on, the constant last. Hinges of the log-odds let a linear function bend; who
 * was asked, who agrees and how this prompt suits each adapter decide what one more call would change.
 */
export function stateFeatures(
  state: AskState,
  effect: PromptEffect,
  withPrompt: boolean,
  out: Float64Array,
  at = 0,
): void {
  const { first: p, second, none, standing } = state;
  const safe = Math.min(1 - 1e-9, Math.max(1e-9, p));
  const logit = Math.min(CLIP, Math.max(-CLIP, Math.log(safe / (1 - safe))));
  let i = at;
  out[i++] = logit;
  out[i++] = (logit * logit) / 5;
  out[i++] = Math.max(0, logit);
  out[i++] = Math.max(0, logit - 1);
  out[i++] = Math.max(0, logit - 2);
  out[i++] = Math.max(0, logit - 3);
  out[i++] = p;
  out[i++] = 4 * p * (1 - p);
  out[i++] = second;
  out[i++] = none;
  out[i++] = withPrompt ? effect.none : 0;
  out[i++] = withPrompt ? effect.none * p : 0;
  out[i++] = withPrompt ? effect.none * logit : 0;
  for (let m = 0; m < standing.length; m++) {
    const how = standing[m] as number;
    const called = how === 0 ? 0 : 1;
    const agrees = how === 1 ? 1 : 0;
    out[i++] = called;
    out[i++] = agrees;
    out[i++] = how === 3 ? 1 : 0;
    out[i++] = called * p;
    out[i++] = agrees * p;
    if (!withPrompt) continue;
    out[i++] = effect.adapters[m] as number;
    out[i++] = (effect.adapters[m] as number) * (1 - p);
  }
  out[i] = 1;
}

/** A state feature in deviations from its mean, clipped to 5. */
export function scaleState(value: number, mean: number, deviation: number): number {
  const z = deviation > 0 ? (value - mean) / deviation : 0;
  return Math.min(CLIP, Math.max(-CLIP, z));
}
