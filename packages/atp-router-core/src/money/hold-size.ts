import type { Amounts, Estimate, Lane, Limits, Price } from "../model/index.js";

/** The fewest output tokens that an answer is worth starting for (A7.2). */
export const MIN_USEFUL_TOKENS = 16;

/** Standard deviations above the mean that a lane's hold covers when the adapter gives no 95th percentile (A7.2). */
const guardBand: Readonly<Record<Lane, number>> = { gold: 2, silver: 1, bronze: 0.5 };

/** What a call would need. */
export interface HoldSizeInput {
  readonly estimate: Estimate;
  /** Declared prices; without them the price of an output token is the estimate's, rounded up (B.10). */
  readonly price?: Price;
  readonly qos: Lane;
  /** The client's own `max_output_tokens`. */
  readonly askedOutputTokens?: number;
  /** The least left over all scopes; absent members are unlimited. */
  readonly left: Limits;
  /** @default 16 */
  readonly minUsefulTokens?: number;
}

/** The hold of a call and with it its clip: the most output tokens that the hold covers. */
export type HoldSize =
  | { readonly ok: true; readonly amounts: Amounts; readonly maxOutputTokens: number }
  | { readonly ok: false; readonly dimension: "tokens" | "usdMicros"; readonly asked: number };

/** Micro-dollars of so many tokens at a price per million, rounded up. */
export function tokenCost(tokens: number, perMtok: number): number {
  return Math.ceil((tokens * perMtok) / 1_000_000);
}

interface Tariff {
  /** Micro-dollars before the first output token. */
  readonly base: number;
  readonly cost: (outTokens: number) => number;
  /** The most output tokens that so many micro-dollars pay. */
  readonly affordable: (usdMicros: number) => number;
}

function tariff(estimate: Estimate, price: Price | undefined): Tariff {
  if (price !== undefined) {
    const base = tokenCost(estimate.inTokens, price.inPerMtok);
    return {
      base,
      cost: (out) => base + tokenCost(out, price.outPerMtok),
      affordable: (usd) =>
        price.outPerMtok === 0 ? Infinity : Math.floor(((usd - base) * 1_000_000) / price.outPerMtok),
    };
  }
  const perToken = Math.ceil(estimate.usdMicros / Math.max(1, estimate.outTokens));
  return {
    base: 0,
    cost: (out) => out * perToken,
    affordable: (usd) => (perToken === 0 ? Infinity : Math.floor(usd / perToken)),
  };
}

/**
 * Sizes a hold (A7.2): the adapter's 95th percentile, else mean and guard band by lane, never less than a useful answer needs;
 * made smaller to fit what is left before it is refused. Clip equals hold: the call is sent with what the hold covers.
 */
export function sizeHold(input: HoldSizeInput): HoldSize {
  const { estimate, qos, left } = input;
  const least = input.minUsefulTokens ?? MIN_USEFUL_TOKENS;
  const k = guardBand[qos];
  const { cost, affordable } = tariff(estimate, input.price);
  const wantTokens =
    estimate.p95Tokens ?? Math.ceil(estimate.inTokens + estimate.outTokens + k * Math.sqrt(estimate.varianceTokens));
  const wantUsd = estimate.p95UsdMicros ?? Math.ceil(estimate.usdMicros + k * Math.sqrt(estimate.varianceUsd));
  const asked = input.askedOutputTokens ?? Infinity;
  // A client that wants less than a useful answer gets what it wants.
  const floor = Math.min(least, asked);
  const want = Math.min(asked, Math.max(floor, wantTokens - estimate.inTokens));
  const byTokens = (left.tokens ?? Infinity) - estimate.inTokens;
  if (byTokens < floor) return { ok: false, dimension: "tokens", asked: estimate.inTokens + floor };
  const byUsd = affordable(left.usdMicros ?? Infinity);
  if (byUsd < floor) return { ok: false, dimension: "usdMicros", asked: cost(floor) };
  const maxOutputTokens = Math.min(want, byTokens, byUsd);
  // A clipped call cannot cost its 95th percentile any more: only what its tokens cost.
  const usd =
    maxOutputTokens < want
      ? cost(maxOutputTokens)
      : Math.max(cost(maxOutputTokens), Math.min(wantUsd, left.usdMicros ?? Infinity));
  return {
    ok: true,
    amounts: { parallel: 1, tokens: estimate.inTokens + maxOutputTokens, usdMicros: usd },
    maxOutputTokens,
  };
}
