import type { Estimate, Price } from "../model/index.js";

/** What output of a call costs, for one quote. All amounts in micro-dollars, rounded up. */
export interface Tariff {
  /** What a call costs that puts out so many tokens, its input included. */
  readonly cost: (outTokens: number) => number;
  /** The most output tokens that so many micro-dollars pay; -1 when they do not even pay the input. */
  readonly affordable: (usdMicros: number) => number;
}

/** Micro-dollars of so many tokens at a price per million, rounded up. */
export function tokenCost(tokens: number, perMtok: number): number {
  return Math.ceil((tokens * perMtok) / 1_000_000);
}

/**
 * The tariff of a quote: declared prices, else the quote's own price of an output token, rounded up (B.10), which then has the
 * input's in it.
 */
export function tariffOf(estimate: Estimate, price: Price | undefined): Tariff {
  const input = price === undefined ? 0 : tokenCost(estimate.inTokens, price.inPerMtok);
  const perMtok =
    price === undefined
      ? Math.ceil(estimate.usdMicros / Math.max(1, estimate.outTokens)) * 1_000_000
      : price.outPerMtok;
  const cost = (outTokens: number): number => input + tokenCost(outTokens, perMtok);
  return {
    cost,
    affordable(usdMicros) {
      // What costs nothing can be had even from an overdrawn window.
      if (perMtok === 0) return usdMicros >= input || input === 0 ? Infinity : -1;
      if (usdMicros < input) return -1;
      const most = Math.floor(((usdMicros - input) * 1_000_000) / perMtok);
      // Above 2^53 the quotient is rounded, and a rounded one may be dearer than what is there.
      return most > 0 && Number.isFinite(most) && cost(most) > usdMicros ? most - 1 : most;
    },
  };
}
