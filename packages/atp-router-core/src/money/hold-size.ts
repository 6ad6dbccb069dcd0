import type { Amounts, Estimate, Lane, Limits, Price } from "../model/index.js";
import { tariffOf } from "./pricing.js";

/** The fewest output tokens that an answer is worth starting for (A7.2). */
export const MIN_USEFUL_TOKENS = 16;

/** What a quote without any output is taken for: it says nothing of the answer's length, not that there is none. */
export const UNQUOTED_OUTPUT_TOKENS = 256;

/** Standard deviations above the mean that a lane's hold covers when the adapter gives no 95th percentile (A7.2). */
const guardBand: Readonly<Record<Lane, number>> = { gold: 2, silver: 1, bronze: 0.5 };

/** A hold where there is room is at most this share of what is left. */
const ROOMY_SHARE = 1 / 32;

/** What a call would need. */
export interface HoldSizeInput {
  readonly estimate: Estimate;
  /** Declared prices; without them the price of an output token is the estimate's, rounded up (B.10). */
  readonly price?: Price;
  readonly qos: Lane;
  /** The client's own `max_output_tokens`. */
  readonly askedOutputTokens?: number;
  /** The adapter's longest input and output together. */
  readonly contextTokens?: number;
  /** The least left over all scopes; absent members are unlimited. */
  readonly left: Limits;
  /** @default 16 */
  readonly minUsefulTokens?: number;
}

/** The hold of a call and with it its clip: the most output tokens that the hold covers. */
export type HoldSize =
  | { readonly ok: true; readonly amounts: Amounts; readonly maxOutputTokens: number }
  | {
      readonly ok: false;
      readonly dimension: "tokens" | "usdMicros";
      /** The least that a useful call needs of it. */
      readonly asked: number;
    };

/** Tokens of the whole call that the hold is to cover. */
function wantedTokens(estimate: Estimate, k: number): number {
  const mean = estimate.inTokens + estimate.outTokens;
  if (estimate.p95Tokens !== undefined) return Math.max(mean, estimate.p95Tokens);
  if (estimate.outTokens === 0 && estimate.varianceTokens === 0) return mean + UNQUOTED_OUTPUT_TOKENS;
  return mean + Math.ceil(k * Math.sqrt(estimate.varianceTokens));
}

/** Micro-dollars of the whole call that the hold is to cover. */
function wantedUsd(estimate: Estimate, k: number): number {
  if (estimate.p95UsdMicros !== undefined) return Math.max(estimate.usdMicros, estimate.p95UsdMicros);
  return estimate.usdMicros + Math.ceil(k * Math.sqrt(estimate.varianceUsd));
}

/**
 * Sizes a hold (A7.2): the adapter's 95th percentile, else mean and guard band by lane, never less than a useful answer needs;
 * made smaller to fit what is left before it is refused. Clip equals hold: the call is sent with what the hold covers.
 */
export function sizeHold(input: HoldSizeInput): HoldSize {
  const { estimate, left } = input;
  const { inTokens } = estimate;
  const k = guardBand[input.qos];
  const tariff = tariffOf(estimate, input.price);
  const asked = Math.min(input.askedOutputTokens ?? Infinity, (input.contextTokens ?? Infinity) - inTokens);
  // A client that wants less than a useful answer gets what it wants.
  const least = Math.max(0, Math.min(input.minUsefulTokens ?? MIN_USEFUL_TOKENS, asked));
  const wanted = Math.max(least, Math.min(asked, wantedTokens(estimate, k) - inTokens));
  const most = Math.min(asked, (estimate.roomyTokens ?? 0) - inTokens);
  const share = (of: number | undefined): number => (of ?? Infinity) * ROOMY_SHARE;
  const roomy = Math.floor(Math.min(share(left.tokens) - inTokens, tariff.affordable(share(left.usdMicros))));
  const want = Math.max(wanted, Math.min(most, roomy));
  const byTokens = (left.tokens ?? Infinity) - inTokens;
  if (byTokens < least) return { ok: false, dimension: "tokens", asked: inTokens + least };
  const leftUsd = left.usdMicros ?? Infinity;
  const byUsd = tariff.affordable(leftUsd);
  if (byUsd < least) return { ok: false, dimension: "usdMicros", asked: tariff.cost(least) };
  const maxOutputTokens = Math.min(want, byTokens, byUsd);
  const cost = tariff.cost(maxOutputTokens);
  // A clipped call cannot cost its 95th percentile any more: only what its tokens cost.
  const usdMicros = maxOutputTokens < want ? cost : Math.max(cost, Math.min(wantedUsd(estimate, k), leftUsd));
  return { ok: true, amounts: { parallel: 1, tokens: inTokens + maxOutputTokens, usdMicros }, maxOutputTokens };
}
