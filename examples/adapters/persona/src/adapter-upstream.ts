/**
 * Another adapter as the upstream, over gRPC.
 */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  AdapterError,
  type AdapterEstimate,
  type AdapterHealth,
  type CallMetadata,
  type StreamPart,
} from "atp-adapter-kit";
import {
  AdapterService,
  type EstimateResponse,
  type HealthResponse,
  HealthResponse_Status,
  type StreamChunk,
} from "atp-protocol/adapter";
import type { Upstream } from "./upstream.js";

const healthTimeoutMs = 2_000;

/** An upstream at a gRPC address such as `http://127.0.0.1:7070`. Connects with the first call. */
export function adapterUpstream(baseUrl: string): Upstream {
  const client = createClient(AdapterService, createGrpcTransport({ baseUrl }));
  return {
    // The estimate carries the upstream's own figures; prices of its tokens come with each chunk.
    prices: undefined,
    estimate: async (request, { signal, metadata }) => {
      const response = await client.estimate(
        {
          streamId: request.streamId,
          taskType: request.taskType,
          promptJson: JSON.stringify(request.content),
          maxOutputTokens: BigInt(request.maxOutputTokens ?? 0),
        },
        { signal, headers: headersOf(metadata) },
      );
      return toEstimate(response);
    },
    stream: async function* (request, { signal, metadata, maxOutputTokens }) {
      const chunks = client.stream(
        {
          streamId: request.streamId,
          taskType: request.taskType,
          promptJson: JSON.stringify(request.content),
          maxOutputTokens: BigInt(maxOutputTokens ?? 0),
          contextJson: Object.keys(request.context).length === 0 ? "" : JSON.stringify(request.context),
          sample: request.sample,
        },
        { signal, headers: headersOf(metadata) },
      );
      for await (const chunk of chunks) {
        const part = toPart(chunk);
        yield part;
        if (part.final !== undefined) return;
      }
      // Its usage counts, its text is no answer (B.3).
      throw new AdapterError("aborted", "the upstream ended without a final");
    },
    health: async () => toHealth(await client.health({}, { timeoutMs: healthTimeoutMs })),
  };
}

function headersOf(metadata: CallMetadata): Record<string, string> {
  const headers: Record<string, string | undefined> = {
    traceparent: metadata.traceparent,
    tracestate: metadata.tracestate,
    "atp-session": metadata.session,
    "atp-qos": metadata.qos,
    "atp-attempt": metadata.attempt === 0 ? undefined : String(metadata.attempt),
  };
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function toEstimate(response: EstimateResponse): AdapterEstimate {
  return {
    inTokens: count(response.inTokens, "in_tokens"),
    outTokens: count(response.outTokens, "out_tokens"),
    usdMicros: count(response.usdMicros, "usd_micros"),
    p95Tokens: count(response.p95Tokens, "p95_tokens"),
    p95UsdMicros: count(response.p95UsdMicros, "p95_usd_micros"),
    varianceTokens: response.varianceTokens,
    varianceUsd: response.varianceUsd,
    confidence: response.confidence,
    cancelsCleanly: response.cancelsCleanly,
    assumptions: response.assumptions,
  };
}

function toPart(chunk: StreamChunk): StreamPart {
  const content = parseContent(chunk.contentJson);
  const usage = {
    inTokens: count(chunk.partialInTokens, "partial_in_tokens"),
    outTokens: count(chunk.partialOutTokens, "partial_out_tokens"),
    usdMicros: count(chunk.partialUsdMicros, "partial_usd_micros"),
  };
  // 0 is proto3's "not told".
  const confidence = chunk.confidence === 0 ? {} : { confidence: chunk.confidence };
  if (chunk.type === "agent.result.final") return { final: content, usage, ...confidence };
  // Members of ours that an upstream's partial may hold by chance would be read as instructions.
  const { usage: _usage, confidence: _confidence, final: _final, text, ...members } = content;
  return { ...members, ...(typeof text === "string" ? { text } : {}), usage, ...confidence };
}

function parseContent(json: string): Record<string, unknown> {
  if (json === "") return {};
  try {
    const content: unknown = JSON.parse(json);
    if (typeof content === "object" && content !== null && !Array.isArray(content))
      return content as Record<string, unknown>;
  } catch {
    // Told below, with all that is no object.
  }
  throw new AdapterError("unavailable", "the upstream sent content that is not a JSON object");
}

function toHealth(response: HealthResponse): AdapterHealth {
  const { status, retryAfterMs, suggestedMaxParallel } = response;
  return {
    status: statusOf(status),
    ...(retryAfterMs === 0 ? {} : { retryAfterMs }),
    ...(suggestedMaxParallel === 0 ? {} : { suggestedMaxParallel }),
  };
}

function statusOf(status: HealthResponse_Status): NonNullable<AdapterHealth["status"]> {
  switch (status) {
    case HealthResponse_Status.BUSY:
      return "busy";
    case HealthResponse_Status.PAUSE:
    case HealthResponse_Status.DRAINING:
      return "pause";
    case HealthResponse_Status.READY:
    case HealthResponse_Status.UNSPECIFIED:
      return "ready";
  }
}

function count(value: bigint, field: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new AdapterError("unavailable", `the upstream's ${field} is not a safe integer`);
}
