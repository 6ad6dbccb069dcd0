/**
 * Quotes: the default one, and the check of any before it leaves the process.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { EstimateResponseSchema } from "atp-protocol/adapter";
import type { AdapterRequest } from "./request.js";
import { countOf, estimateTokens, priceOf } from "./tokens.js";
import type { AdapterEstimate, Prices } from "./types.js";

const expectedAnswerTokens = 256;
const longAnswerTokens = 1_024;

/**
 * A quote from text lengths and prices: input by {@link estimateTokens}, output 256 tokens with a 95th percentile of
 * 1,024 (the longest choice when the request has `choices`), both cut to the request's `maxOutputTokens`. Confidence 0.5.
 */
export function defaultEstimate(request: AdapterRequest, prices: Prices): AdapterEstimate {
  const inTokens = estimateTokens(request.promptText);
  const limit = request.maxOutputTokens ?? Number.MAX_SAFE_INTEGER;
  const choice = Math.max(0, ...request.choices.map(estimateTokens));
  const outTokens = Math.min(limit, choice > 0 ? choice : expectedAnswerTokens);
  const longTokens = Math.min(limit, choice > 0 ? choice : longAnswerTokens);
  return {
    inTokens,
    outTokens,
    usdMicros: priceOf(inTokens, outTokens, prices),
    p95Tokens: inTokens + longTokens,
    p95UsdMicros: priceOf(inTokens, longTokens, prices),
    confidence: 0.5,
    assumptions: ["tokens are UTF-8 bytes / 4", `an answer of ${String(outTokens)} tokens`],
  };
}

type EstimateMessage = MessageInitShape<typeof EstimateResponseSchema>;

/** The wire's form of a quote. @throws RangeError that names a figure that is negative, fractional, NaN or infinite */
export function toEstimateMessage(estimate: AdapterEstimate, prices: Prices | undefined): EstimateMessage {
  const inTokens = countOf(estimate.inTokens, "estimate.inTokens");
  const outTokens = countOf(estimate.outTokens, "estimate.outTokens");
  const usdMicros = estimate.usdMicros ?? priceOf(inTokens, outTokens, prices);
  return {
    inTokens: BigInt(inTokens),
    outTokens: BigInt(outTokens),
    usdMicros: BigInt(countOf(usdMicros, "estimate.usdMicros")),
    p95Tokens: BigInt(countOf(estimate.p95Tokens, "estimate.p95Tokens")),
    p95UsdMicros: BigInt(countOf(estimate.p95UsdMicros, "estimate.p95UsdMicros")),
    varianceTokens: finite(estimate.varianceTokens, "estimate.varianceTokens"),
    varianceUsd: finite(estimate.varianceUsd, "estimate.varianceUsd"),
    confidence: clampConfidence(finite(estimate.confidence, "estimate.confidence")),
    toolCostBreakdownJson: estimate.toolCosts === undefined ? "" : JSON.stringify(estimate.toolCosts),
    assumptions: [...(estimate.assumptions ?? [])],
    tokenEstimatesJson: estimate.tokenEstimates === undefined ? "" : JSON.stringify(estimate.tokenEstimates),
    cancelsCleanly: estimate.cancelsCleanly ?? false,
  };
}

/** A confidence within 0 to 1 (B.4); NaN is 0. */
export function clampConfidence(value: number): number {
  return value > 0 ? Math.min(1, value) : 0;
}

function finite(value: number | undefined, member: string): number {
  if (value === undefined) return 0;
  if (!Number.isFinite(value) || value < 0)
    throw new RangeError(`${member} must be finite and not negative, got ${String(value)}`);
  return value;
}
