import type { Ms } from "../model/index.js";

/** How fast calls run, learned from those that ended. */
export interface Speed {
  /** A call ended: what it had been expected to cost, and how long it held its slot. */
  ended(expected: number, ms: Ms): void;
  /** What one slot gets done, in expected cost per millisecond; undefined before the first call ended. */
  readonly costPerMs: number | undefined;
  /** How long a call holds its slot on average; undefined before the first call ended. */
  readonly meanMs: Ms | undefined;
  /** What a call is expected to cost on average; undefined before the first call ended. */
  readonly meanCost: number | undefined;
}

/** The last so many calls count for most. */
const REMEMBERED = 24;

/**
 * Sums of cost and time that fade with each call: their quotient is weighed by work, so that many short calls and a long one count for
 * what they are.
 */
export function createSpeed(): Speed {
  const keep = 1 - 1 / REMEMBERED;
  let expected = 0;
  let ms = 0;
  let calls = 0;
  return {
    ended(expectedCost, heldMs) {
      expected = expected * keep + expectedCost;
      ms = ms * keep + Math.max(heldMs, 0);
      calls = calls * keep + 1;
    },
    get costPerMs() {
      return ms > 0 ? expected / ms : undefined;
    },
    get meanMs() {
      return calls > 0 ? ms / calls : undefined;
    },
    get meanCost() {
      return calls > 0 ? expected / calls : undefined;
    },
  };
}

/** A level that follows a value which holds for spans of time, such as how many calls run. */
export interface Level {
  /** The value changes now. */
  set(value: number, at: Ms): void;
  /** Its fading average. @param horizonMs how far back it looks */
  average(at: Ms, horizonMs: Ms): number;
}

/** A level that starts at 0. */
export function createLevel(): Level {
  let value = 0;
  let average = 0;
  let since = 0;
  let horizon = 1;
  const settle = (at: Ms): void => {
    if (at > since) average = value + (average - value) * Math.exp(-(at - since) / horizon);
    since = at;
  };
  return {
    set(next, at) {
      settle(at);
      value = next;
    },
    average(at, horizonMs) {
      horizon = Math.max(1, horizonMs);
      settle(at);
      return average;
    },
  };
}
