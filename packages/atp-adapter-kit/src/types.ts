/**
 * What an adapter's author writes and receives. Money is integer micro-dollars (1 USD = 1,000,000), time milliseconds.
 */
import type { AdapterRequest, CallMetadata } from "./request.js";

/** Prices in micro-dollars per million tokens, non-negative integers. */
export interface Prices {
  readonly inUsdMicrosPerMtok: number;
  readonly outUsdMicrosPerMtok: number;
}

/** Tokens and money spent since the last part that told them: increments, never totals (B.3). */
export interface Usage {
  readonly inTokens?: number;
  readonly outTokens?: number;
  /** @default the tokens at the adapter's `prices`, 0 without prices */
  readonly usdMicros?: number;
}

/** A quote for one request. Tokens and money are non-negative integers; `p95*` and `variance*` are of the whole call (B.10). */
export interface AdapterEstimate {
  readonly inTokens: number;
  readonly outTokens: number;
  /** @default the tokens at the adapter's `prices`, 0 without prices */
  readonly usdMicros?: number;
  /** 95th percentile of input and output tokens together. */
  readonly p95Tokens?: number;
  readonly p95UsdMicros?: number;
  /** Squared tokens. */
  readonly varianceTokens?: number;
  /** Squared micro-dollars. */
  readonly varianceUsd?: number;
  /** Expected probability of an acceptable answer, 0 to 1. */
  readonly confidence?: number;
  /** The adapter bills only what it emitted before a cancel. @default false */
  readonly cancelsCleanly?: boolean;
  /** What the figures rest on, one sentence each. */
  readonly assumptions?: readonly string[];
  /** Cost of tools by name, sent as JSON. */
  readonly toolCosts?: Readonly<Record<string, unknown>>;
  /** Token counts by part of the request, sent as JSON. */
  readonly tokenEstimates?: Readonly<Record<string, unknown>>;
}

/** A citation; a file's `locator` is `path:line` and `quote` stands there word for word (B.9). */
export interface EvidenceItem {
  readonly source: string;
  readonly locator?: string;
  readonly quote?: string;
}

/** The end of an answer. Other members pass through. */
export interface FinalPart {
  /** @default the joined `text` of the parts before */
  readonly answer?: string;
  readonly evidence?: readonly EvidenceItem[];
  readonly [member: string]: unknown;
}

/**
 * One thing that an adapter's `stream` yields. `text` is a delta; `usage` counts since the part before; `confidence` is
 * 0 to 1; `final` ends the answer. Every other member travels with the partial as it is.
 */
export interface StreamPart {
  readonly text?: string;
  readonly usage?: Usage;
  readonly confidence?: number;
  readonly final?: FinalPart;
  readonly [member: string]: unknown;
}

/** What comes with an estimate. */
export interface EstimateCall {
  /** Fires when the call is cancelled, its deadline passes or the server ends. */
  readonly signal: AbortSignal;
  readonly metadata: CallMetadata;
}

/** What comes with a stream. */
export interface StreamCall extends EstimateCall {
  /** The most output tokens that are paid for; undefined when the caller set none. */
  readonly maxOutputTokens: number | undefined;
  /** Memory that the router fetched, by key; empty when there is none. */
  readonly context: Readonly<Record<string, unknown>>;
}

/** How the adapter itself says it is. Draining and the parallel limit are the kit's own business. */
export interface AdapterHealth {
  /** @default "ready" */
  readonly status?: "ready" | "busy" | "pause";
  readonly retryAfterMs?: number;
  readonly suggestedMaxParallel?: number;
}

/** What an adapter may write as its stream: an async generator, or any async iterable of parts. */
export type PartStream = AsyncIterable<StreamPart, StreamPart | undefined | void, undefined>;

/** What an author passes to {@link defineAdapter}. */
export interface AdapterDefinition {
  /** 1 to 128 characters of `[A-Za-z0-9._:-]`; answers and bills carry it. */
  readonly name: string;
  readonly model?: string;
  readonly version?: string;
  /** What routes select by. */
  readonly tags?: readonly string[];
  /** The longest input and output together, in tokens. */
  readonly contextTokens?: number;
  readonly prices?: Prices;
  /** Calls that run at once; more get RESOURCE_EXHAUSTED. @default 256 */
  readonly maxParallel?: number;
  /** Quotes a request without running it. @default a quote from text lengths and `prices`, which must then be given */
  estimate?(request: AdapterRequest, call: EstimateCall): AdapterEstimate | Promise<AdapterEstimate>;
  /** Answers a request. Leaving early or a fired signal must stop the provider call behind it. */
  stream(request: AdapterRequest, call: StreamCall): PartStream;
  /** Asked at each Health call. A throw is reported as paused. */
  health?(): AdapterHealth | Promise<AdapterHealth>;
}

/** A checked, frozen adapter, ready to serve. Made by {@link defineAdapter} only. */
export interface Adapter extends Omit<AdapterDefinition, "estimate" | "tags" | "maxParallel"> {
  readonly tags: readonly string[];
  readonly maxParallel: number;
  estimate(request: AdapterRequest, call: EstimateCall): AdapterEstimate | Promise<AdapterEstimate>;
}
