import type { Evidence, Qos, RequestContent, Strategy } from "atp-protocol";

/** Milliseconds of the router's clock, which never goes back. Its origin means nothing. */
export type Ms = number;

/** Who asks. Without identity every caller is the tenant `default`. */
export interface Principal {
  readonly tenant: string;
  readonly subject: string;
  readonly roles: readonly string[];
  /** What it may do, by {@link Scope} names. Absent: everything but `operate`. */
  readonly scopes?: readonly string[];
  /** Ceilings over everything that runs for it at once or ever, beside its tenant's. */
  readonly limits?: Limits;
  /** Lanes it may use. Absent: its tenant's. */
  readonly lanes?: readonly Lane[];
}

/**
 * Rights of a principal: `stream` to run streams and dry runs; `observe` to read metrics, lanes, adapters and the own tenant's
 * budgets; `operate` to read those of every tenant.
 */
export type Scope = "stream" | "observe" | "operate";

/** Whether a principal may do something. */
export function may(principal: Principal, scope: Scope): boolean {
  return (
    principal.scopes === undefined || principal.scopes.includes(scope) || principal.scopes.includes(`atp:${scope}`)
  );
}

/** Whether a principal may see what belongs to other tenants: only one that was given `operate` by name. */
export function seesAll({ scopes }: Principal): boolean {
  return scopes?.some((scope) => scope === "operate" || scope === "atp:operate") === true;
}

/** Counted things: parallel calls, tokens, micro-dollars. Integers >= 0. */
export interface Amounts {
  readonly parallel: number;
  readonly tokens: number;
  readonly usdMicros: number;
}

/** A dimension of a window. */
export type Dimension = keyof Amounts;

/** Ceilings; an absent member is unlimited, 0 grants nothing. */
export type Limits = { readonly [D in Dimension]?: number };

/** What a call used. Integers >= 0. */
export interface Usage {
  readonly inTokens: number;
  readonly outTokens: number;
  readonly usdMicros: number;
}

/** Prices in micro-dollars per million tokens. */
export interface Price {
  readonly inPerMtok: number;
  readonly outPerMtok: number;
}

/** What an adapter is. */
export interface AdapterInfo {
  /** Unique within a router: what calls are addressed to. */
  readonly id: string;
  /** What users see, in partials and bills. Unique within a router. */
  readonly name: string;
  readonly model?: string;
  readonly version?: string;
  /** The longest input and output together, in tokens. */
  readonly contextTokens?: number;
  readonly tags: readonly string[];
  readonly price?: Price;
  readonly maxParallel?: number;
}

/** How an adapter is. `DOWN` is the router's own finding: the last call or probe did not reach it. */
export type AdapterStatus = "READY" | "BUSY" | "PAUSE" | "DRAINING" | "DOWN";

/** What an adapter says of itself when it is asked for its health. */
export interface AdapterHealth {
  readonly status: Exclude<AdapterStatus, "DOWN">;
  readonly p95Ms: number;
  /** 0 to 1. */
  readonly errorRate: number;
  readonly suggestedMaxParallel?: number;
  readonly retryAfterMs?: number;
  /** What the adapter says it is; configuration wins over it. */
  readonly info: Partial<Omit<AdapterInfo, "id">>;
}

/** An adapter's price quote for one task (part B). */
export interface Estimate {
  readonly inTokens: number;
  readonly outTokens: number;
  readonly usdMicros: number;
  /** 95th percentiles of the whole call; absent when the adapter gives none. */
  readonly p95Tokens?: number;
  readonly p95UsdMicros?: number;
  /** The router's own: what hardly any such call passes, tokens of the whole call. Held instead of the percentile where there is much room. */
  readonly roomyTokens?: number;
  /** Squared tokens and squared micro-dollars of the whole call; 0 when the adapter gives none. */
  readonly varianceTokens: number;
  readonly varianceUsd: number;
  /** Expected probability of an acceptable answer, 0 to 1. */
  readonly confidence: number;
  /** It bills only what it emitted before a cancel. */
  readonly cancelsCleanly: boolean;
  readonly assumptions: readonly string[];
}

/** Why an adapter's call failed (B.6), as the router acts on it. */
export type FailureKind =
  /** Unreachable or shutting down: elsewhere. */
  | "unavailable"
  /** At its capacity: elsewhere, or later. */
  | "exhausted"
  /** Took too long. */
  | "timeout"
  /** It can never serve this task: no retry. */
  | "rejected"
  /** It answered against the contract: no final, bad numbers, bad JSON. */
  | "protocol"
  /** The router cut it at its budget. */
  | "budget"
  /** The router cancelled it. */
  | "cancelled"
  | "internal";

/** A failed call: its kind, what to tell people, and whether the request ever left the router. */
export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  /** False only when it is certain that the adapter never saw the call. */
  readonly sent: boolean;
  readonly retryAfterMs?: number;
  /** This router had no slot for it: its adapter is not to blame. */
  readonly shed?: true;
}

/** A piece of an adapter's answer as it streams. */
export interface Chunk {
  /** The delta of the answer's text; absent on pieces that carry none. */
  readonly text?: string;
  /** Other members of the chunk's content, passed through to the client. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** What this piece added. */
  readonly usage: Usage;
  readonly confidence?: number;
}

/** An adapter's final word. */
export interface AdapterFinal {
  /** Absent: the joined text of its chunks. */
  readonly answer?: string;
  readonly evidence: readonly Evidence[];
  readonly confidence?: number;
  readonly usage: Usage;
  /** Other members of the final's content, such as `tool_calls`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A checked question. */
export interface Task {
  readonly taskType: string;
  readonly content: RequestContent;
  readonly strategy: Strategy;
  /** The request's content as JSON text, without `max_output_tokens`: the router writes the clip into it for each call. */
  readonly promptJson: string;
  readonly toolPermissions: readonly string[];
  readonly dataScope: readonly string[];
  /** Everything else of `meta`, for policy. */
  readonly meta: Readonly<Record<string, unknown>>;
  readonly memory?: { readonly namespace: string; readonly read: readonly string[]; readonly write: readonly string[] };
  readonly deadlineMs?: number;
  readonly onDisconnect: "continue" | "cancel";
  readonly trace?: { readonly traceparent?: string; readonly tracestate?: string };
  readonly idempotencyKey?: string;
}

/** A complete answer of one adapter, as consensus sees it. */
export interface Answer {
  /** The adapter's name. */
  readonly adapter: string;
  readonly sample: number;
  readonly text: string;
  readonly evidence: readonly Evidence[];
  /** The adapter's own probability of being right, 0 to 1; absent when it gave none. */
  readonly confidence?: number;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Which window refused a hold, and what would help (A7.7). */
export interface BudgetRefusal {
  readonly limitSource: "stream" | "session" | "tenant";
  readonly dimension: Dimension;
  readonly limit: number;
  readonly posted: number;
  readonly reserved: number;
  readonly asked: number;
  /** `wait`: running work holds it. `raise`: it is spent. `shrink`: a smaller call would fit. `never`: the ceiling is 0. */
  readonly remedy: "wait" | "raise" | "shrink" | "never";
}

/** The lanes of a router, best first. */
export type Lane = Qos;
