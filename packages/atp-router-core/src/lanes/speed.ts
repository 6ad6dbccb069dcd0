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
  // Fields of one object: unlike a variable that a function closes over, a field that is written anew takes no new memory.
  const sum = { expected: 0, ms: 0, calls: 0 };
  return {
    ended(expectedCost, heldMs) {
      sum.expected = sum.expected * keep + expectedCost;
      sum.ms = sum.ms * keep + Math.max(heldMs, 0);
      sum.calls = sum.calls * keep + 1;
    },
    get costPerMs() {
      return sum.ms > 0 ? sum.expected / sum.ms : undefined;
    },
    get meanMs() {
      return sum.calls > 0 ? sum.ms / sum.calls : undefined;
    },
    get meanCost() {
      return sum.calls > 0 ? sum.expected / sum.calls : undefined;
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
  const level = { value: 0, average: 0, since: 0, horizon: 1 };
  const settle = (at: Ms): void => {
    const { value, average, since, horizon } = level;
    if (at <= since) return;
    // A level that has not moved from its average stays there.
    if (average !== value) level.average = value + (average - value) * Math.exp((since - at) / horizon);
    level.since = at;
  };
  return {
    set(next, at) {
      settle(at);
      level.value = next;
    },
    average(at, horizonMs) {
      level.horizon = Math.max(1, horizonMs);
      settle(at);
      return level.average;
    },
  };
}
