/** Part B's messages to and from the router's values, shared by the ports compared here. */
import { create } from "@bufbuild/protobuf";
import {
  type EstimateRequest,
  EstimateRequestSchema,
  type EstimateResponse,
  type HealthResponse,
  HealthResponse_Status,
  type StreamChunk,
  type StreamRequest,
  StreamRequestSchema,
} from "atp-protocol/adapter";
import {
  type AdapterFinal,
  type AdapterHealth,
  AdapterFailure,
  type CallContext,
  type Chunk,
  type Estimate,
  type EstimateCall,
  type StreamCall,
  type Usage,
} from "atp-router-core";

/** An adapter's answer that breaks the contract. */
export function broken(message: string): AdapterFailure {
  return new AdapterFailure({ kind: "protocol", message, sent: true });
}

function count(value: bigint, name: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw broken(`${name} is larger than 2^53-1`);
  return Number(value);
}

function amount(value: number, name: string): number {
  if (!Number.isFinite(value) || value < 0) throw broken(`${name} is not a number that counts`);
  return value;
}

const share = (value: number): number => Math.min(1, Math.max(0, value));

/** The metadata of every call (B.5). */
export function metadata(call: CallContext): [name: string, value: string][] {
  const pairs: [string, string][] = [
    ["atp-qos", call.qos],
    ["atp-attempt", String(call.attempt)],
  ];
  if (call.session !== undefined) pairs.push(["atp-session", call.session]);
  if (call.traceparent !== undefined) pairs.push(["traceparent", call.traceparent]);
  return pairs;
}

/** The request of an Estimate. */
export function estimateRequest(call: EstimateCall): EstimateRequest {
  return create(EstimateRequestSchema, {
    streamId: call.callId,
    taskType: call.taskType,
    promptJson: call.promptJson,
    maxOutputTokens: BigInt(call.maxOutputTokens),
  });
}

/** The request of a Stream. */
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
 * A quote in the router's terms.
 * @throws AdapterFailure of kind `protocol` when a number cannot be one
 */
export function toEstimate(m: EstimateResponse): Estimate {
  return {
    inTokens: count(m.inTokens, "in_tokens"),
    outTokens: count(m.outTokens, "out_tokens"),
    usdMicros: count(m.usdMicros, "usd_micros"),
    ...(m.p95Tokens > 0n ? { p95Tokens: count(m.p95Tokens, "p95_tokens") } : {}),
    ...(m.p95UsdMicros > 0n ? { p95UsdMicros: count(m.p95UsdMicros, "p95_usd_micros") } : {}),
    varianceTokens: amount(m.varianceTokens, "variance_tokens"),
    varianceUsd: amount(m.varianceUsd, "variance_usd"),
    confidence: share(amount(m.confidence, "confidence")),
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

/** Health in the router's terms; only what the bench adapter tells of itself. */
export function toHealth(m: HealthResponse): AdapterHealth {
  return {
    status: statuses[m.status],
    p95Ms: amount(m.p95Ms, "p95_ms"),
    errorRate: share(amount(m.errorRate, "error_rate")),
    info: {
      tags: m.tags,
      ...(m.name === "" ? {} : { name: m.name }),
      ...(m.model === "" ? {} : { model: m.model }),
    },
  };
}

/** One message of a Stream in the router's terms. */
export type Piece = { readonly chunk: Chunk } | { readonly final: AdapterFinal };

/**
 * Reads one message of a Stream.
 * @throws AdapterFailure of kind `protocol` when it breaks the contract
 */
export function toPiece(m: StreamChunk): Piece {
  const usage: Usage = {
    inTokens: count(m.partialInTokens, "partial_in_tokens"),
    outTokens: count(m.partialOutTokens, "partial_out_tokens"),
    usdMicros: count(m.partialUsdMicros, "partial_usd_micros"),
  };
  const confidence = m.confidence > 0 ? { confidence: share(amount(m.confidence, "confidence")) } : {};
  const content = contentOf(m.contentJson);
  if (m.more) {
    const { text, ...extra } = content;
    if (text !== undefined && typeof text !== "string") throw broken("content_json.text is not text");
    return {
      chunk: {
        ...(text === undefined ? {} : { text: text.isWellFormed() ? text : text.toWellFormed() }),
        ...(Object.keys(extra).length === 0 ? {} : { extra }),
        usage,
        ...confidence,
      },
    };
  }
  if (m.type !== "agent.result.final") throw broken(`the last chunk has type "${m.type}", not agent.result.final`);
  const { answer, evidence: _, ...extra } = content;
  if (answer !== undefined && typeof answer !== "string") throw broken("content_json.answer is not text");
  return {
    final: {
      ...(answer === undefined ? {} : { answer }),
      // The bench adapter gives none.
      evidence: [],
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
      usage,
      ...confidence,
    },
  };
}

function contentOf(json: string): Record<string, unknown> {
  if (json === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw broken("content_json is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw broken("content_json is no object");
  return value as Record<string, unknown>;
}
