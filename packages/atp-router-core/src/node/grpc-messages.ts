import { create } from "@bufbuild/protobuf";
import { EstimateRequestSchema, HealthResponse_Status, StreamRequestSchema } from "atp-protocol/adapter";
import type { EstimateRequest, EstimateResponse, HealthResponse, StreamRequest } from "atp-protocol/adapter";
import type { AdapterHealth, Estimate } from "../model/index.js";
import type { EstimateCall, StreamCall } from "../ports/index.js";
import { broken, clampedShare } from "./grpc-status.js";
import type { Warn } from "./grpc-status.js";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function count(value: bigint, name: string): number {
  if (value > MAX_SAFE) throw broken(`${name} is larger than 2^53-1`);
  return Number(value);
}

function amount(value: number, name: string): number {
  if (!Number.isFinite(value) || value < 0) throw broken(`${name} is ${value}, not a number of 0 or more`);
  return value;
}

/** The quote request of a call. */
export function estimateRequest(call: EstimateCall): EstimateRequest {
  return create(EstimateRequestSchema, {
    streamId: call.callId,
    taskType: call.taskType,
    promptJson: call.promptJson,
    maxOutputTokens: BigInt(call.maxOutputTokens),
  });
}

/** The stream request of a call. */
export function streamRequest(call: StreamCall): StreamRequest {
  return create(StreamRequestSchema, {
    streamId: call.callId,
    promptJson: call.promptJson,
    taskType: call.taskType,
    maxOutputTokens: BigInt(call.maxOutputTokens),
    contextJson: call.contextJson,
    sample: call.sample,
  });
}

/**
 * A quote in the router's values. A confidence outside 0..1 is clamped.
 * @throws AdapterFailure `protocol` when a number is NaN, infinite, negative or unsafe (B.10)
 */
export function toEstimate(m: EstimateResponse, warn: Warn): Estimate {
  return {
    inTokens: count(m.inTokens, "in_tokens"),
    outTokens: count(m.outTokens, "out_tokens"),
    usdMicros: count(m.usdMicros, "usd_micros"),
    ...(m.p95Tokens > 0n ? { p95Tokens: count(m.p95Tokens, "p95_tokens") } : {}),
    ...(m.p95UsdMicros > 0n ? { p95UsdMicros: count(m.p95UsdMicros, "p95_usd_micros") } : {}),
    varianceTokens: amount(m.varianceTokens, "variance_tokens"),
    varianceUsd: amount(m.varianceUsd, "variance_usd"),
    confidence: clampedShare(m.confidence, "confidence of an estimate", warn),
    cancelsCleanly: m.cancelsCleanly,
    assumptions: m.assumptions,
  };
}

const statuses: Readonly<Record<HealthResponse_Status, AdapterHealth["status"]>> = {
  [HealthResponse_Status.UNSPECIFIED]: "READY",
  [HealthResponse_Status.READY]: "READY",
  [HealthResponse_Status.BUSY]: "BUSY",
  [HealthResponse_Status.PAUSE]: "PAUSE",
  [HealthResponse_Status.DRAINING]: "DRAINING",
};

/**
 * An adapter's health in the router's values; what it does not tell is absent.
 * @throws AdapterFailure `protocol` when a number is NaN, infinite, negative or unsafe
 */
export function toHealth(m: HealthResponse, warn: Warn): AdapterHealth {
  const contextTokens = count(m.contextTokens, "context_tokens");
  const price = {
    inPerMtok: count(m.usdMicrosPerMtokIn, "usd_micros_per_mtok_in"),
    outPerMtok: count(m.usdMicrosPerMtokOut, "usd_micros_per_mtok_out"),
  };
  return {
    // A status of a later version is one that this router cannot act on.
    status: statuses[m.status] ?? "READY",
    p95Ms: amount(m.p95Ms, "p95_ms"),
    errorRate: clampedShare(m.errorRate, "error_rate of health", warn),
    ...(m.suggestedMaxParallel > 0 ? { suggestedMaxParallel: m.suggestedMaxParallel } : {}),
    ...(m.retryAfterMs > 0 ? { retryAfterMs: m.retryAfterMs } : {}),
    info: {
      ...(m.name === "" ? {} : { name: m.name }),
      ...(m.model === "" ? {} : { model: m.model }),
      ...(m.version === "" ? {} : { version: m.version }),
      ...(contextTokens > 0 ? { contextTokens } : {}),
      ...(m.tags.length > 0 ? { tags: m.tags } : {}),
      ...(price.inPerMtok > 0 || price.outPerMtok > 0 ? { price } : {}),
    },
  };
}
