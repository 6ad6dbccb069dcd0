import type { Estimate } from "../model/index.js";

/** Calls of an adapter until the longest of them says what hardly any will pass; what is older than twice as many is forgotten. */
const GENERATION = 200;
/** Until then: so many times its mean nearly every call is covered. */
const UNKNOWN_FACTOR = 4;
/** Above the longest that was seen. */
const MARGIN = 1.25;

/** The longest calls of an adapter, as multiples of their quotes: plain data. */
export interface Tail {
  /** Logarithms: of this generation of calls, and of the one before. */
  most: number;
  before: number | undefined;
  calls: number;
}

/** Nothing was seen. */
export function newTail(): Tail {
  return { most: -Infinity, before: undefined, calls: 0 };
}

/** One more call. @param logRatio of what it came to over what was quoted */
export function seeTail(tail: Tail, logRatio: number): void {
  tail.most = Math.max(tail.most, logRatio);
  if (++tail.calls < GENERATION) return;
  tail.before = tail.most;
  tail.most = -Infinity;
  tail.calls = 0;
}

/**
 * What to hold where there is room, when a call's clip is its hold and its adapter told a mean alone: a hold that is too large comes
 * back, and one that is too small has cut an answer that is paid.
 */
export function roomy(quoted: Estimate, corrected: Estimate, tail: Tail | undefined): Estimate {
  const told = quoted.p95Tokens !== undefined || quoted.varianceTokens > 0 || quoted.outTokens === 0;
  if (quoted.cancelsCleanly || told) return corrected;
  const { before, most } = tail ?? newTail();
  const output =
    before === undefined
      ? Math.max(UNKNOWN_FACTOR * corrected.outTokens, MARGIN * Math.exp(most) * quoted.outTokens)
      : MARGIN * Math.exp(Math.max(most, before)) * quoted.outTokens;
  return { ...corrected, roomyTokens: Math.min(Number.MAX_SAFE_INTEGER, corrected.inTokens + Math.ceil(output)) };
}
