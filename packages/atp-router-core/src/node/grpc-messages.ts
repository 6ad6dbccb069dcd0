import { create } from "@bufbuild/protobuf";
import type { Evidence } from "atp-protocol";
import { EstimateRequestSchema, HealthResponse_Status, StreamRequestSchema } from "atp-protocol/adapter";
import type {
  EstimateRequest,
  EstimateResponse,
  HealthResponse,
  StreamChunk,
  StreamRequest,
} from "atp-protocol/adapter";
import type { AdapterFinal, AdapterHealth, Chunk, Estimate, Usage } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";
import type { EstimateCall, StreamCall } from "../ports/index.js";

const FINAL = "agent.result.final";
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** An answer that breaks the contract of part B. */
export function broken(message: string): AdapterFailure {
  return new AdapterFailure({ kind: "protocol", message, sent: true });
}

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
export function toEstimate(m: EstimateResponse): Estimate {
  if (!Number.isFinite(m.confidence)) throw broken(`confidence is ${m.confidence}, not a number`);
  return {
    inTokens: count(m.inTokens, "in_tokens"),
    outTokens: count(m.outTokens, "out_tokens"),
    usdMicros: count(m.usdMicros, "usd_micros"),
    ...(m.p95Tokens > 0n ? { p95Tokens: count(m.p95Tokens, "p95_tokens") } : {}),
    ...(m.p95UsdMicros > 0n ? { p95UsdMicros: count(m.p95UsdMicros, "p95_usd_micros") } : {}),
    varianceTokens: amount(m.varianceTokens, "variance_tokens"),
    varianceUsd: amount(m.varianceUsd, "variance_usd"),
    confidence: clamp(m.confidence),
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

/** An adapter's health in the router's values; what it does not tell is absent. */
export function toHealth(m: HealthResponse): AdapterHealth {
  const contextTokens = count(m.contextTokens, "context_tokens");
  const price = {
    inPerMtok: count(m.usdMicrosPerMtokIn, "usd_micros_per_mtok_in"),
    outPerMtok: count(m.usdMicrosPerMtokOut, "usd_micros_per_mtok_out"),
  };
  return {
    // A status of a later version is one that this router cannot act on.
    status: statuses[m.status] ?? "READY",
    p95Ms: Number.isFinite(m.p95Ms) ? Math.max(0, m.p95Ms) : 0,
    errorRate: clamp(m.errorRate),
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

function clamp(share: number): number {
  return share >= 0 ? Math.min(1, share) : 0;
}

/** Protobuf cannot tell 0 from absent: an adapter that means to be sure it is wrong is as rare as one that says nothing is common. */
function confidenceOf(m: StreamChunk): { confidence?: number } {
  return m.confidence > 0 ? { confidence: clamp(m.confidence) } : {};
}

function usageOf(m: StreamChunk): Usage {
  return {
    inTokens: count(m.partialInTokens, "partial_in_tokens"),
    outTokens: count(m.partialOutTokens, "partial_out_tokens"),
    usdMicros: count(m.partialUsdMicros, "partial_usd_micros"),
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
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw broken("content_json is not an object");
  return value as Record<string, unknown>;
}

/** What the router itself says on a partial: an adapter's members of these names do not travel. */
const reserved = new Set(["adapter", "chunk", "attempt", "sample", "__proto__"]);

function extraOf(content: Record<string, unknown>, known: readonly string[]): Record<string, unknown> | undefined {
  let extra: Record<string, unknown> | undefined;
  for (const name of Object.keys(content)) {
    if (known.includes(name) || reserved.has(name)) continue;
    (extra ??= {})[name] = content[name];
  }
  return extra;
}

function evidenceOf(value: unknown): readonly Evidence[] {
  if (!Array.isArray(value)) return [];
  return value.filter((e: unknown): e is Evidence => {
    const item = e as Partial<Evidence> | null;
    return (
      typeof item === "object" &&
      item !== null &&
      typeof item.source === "string" &&
      typeof (item.locator ?? "") === "string" &&
      typeof (item.quote ?? "") === "string"
    );
  });
}

/** Reads one call's messages in order: a delta's text is never cut inside a character (B.9). */
export class PieceReader {
  private high = "";

  /** @throws AdapterFailure `protocol` when a message breaks the contract */
  read(m: StreamChunk): { readonly chunk: Chunk } | { readonly final: AdapterFinal } {
    const content = contentOf(m.contentJson);
    const usage = usageOf(m);
    if (m.type === FINAL) return { final: this.final(content, usage, confidenceOf(m)) };
    const { text } = content;
    if (text !== undefined && typeof text !== "string") throw broken("content_json.text is not text");
    const extra = extraOf(content, ["text"]);
    return {
      chunk: {
        ...(text === undefined ? {} : { text: this.whole(text) }),
        ...(extra === undefined ? {} : { extra }),
        usage,
        ...confidenceOf(m),
      },
    };
  }

  private final(content: Record<string, unknown>, usage: Usage, confidence: { confidence?: number }): AdapterFinal {
    const { answer } = content;
    if (answer !== undefined && typeof answer !== "string") throw broken("content_json.answer is not text");
    const extra = extraOf(content, ["answer", "evidence"]);
    return {
      ...(answer === undefined ? {} : { answer: answer.toWellFormed() }),
      evidence: evidenceOf(content["evidence"]),
      ...(extra === undefined ? {} : { extra }),
      usage,
      ...confidence,
    };
  }

  /** A delta that ends in half a character waits for the other half; any other half becomes U+FFFD. */
  private whole(delta: string): string {
    if (this.high === "" && delta.isWellFormed()) return delta;
    let text = this.high + delta;
    this.high = "";
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.high = text.slice(-1);
      text = text.slice(0, -1);
    }
    return text.toWellFormed();
  }
}
