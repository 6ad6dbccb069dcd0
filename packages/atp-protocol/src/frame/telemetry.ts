import type { Window } from "./frame.js";

/** How one adapter's call ended. */
export type AdapterOutcome = "ok" | "failed" | "cancelled" | "timeout" | "skipped";

/** What one adapter's call cost and how it went (A11). */
export interface AdapterTelemetry {
  readonly name: string;
  readonly outcome: AdapterOutcome;
  readonly attempt: number;
  readonly in_tokens: number;
  readonly out_tokens: number;
  /** Micro-dollars. */
  readonly usd: number;
  readonly ttfp_ms?: number;
  readonly latency_ms?: number;
  readonly confidence?: number;
  /** Why the call failed or never started. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** The bill of a stream, on its FIN or RST (A11). The totals equal the sums of `adapters` and what the budgets were debited. */
export interface Telemetry {
  /** Input and output tokens of all calls. */
  readonly tokens: number;
  /** Micro-dollars. */
  readonly usd: number;
  /** From the SYN's arrival to this frame. */
  readonly latency_ms: number;
  readonly in_tokens?: number;
  readonly out_tokens?: number;
  /** Time to the first partial. */
  readonly ttfp_ms?: number;
  readonly queue_ms?: number;
  readonly estimate?: { readonly tokens: number; readonly usd: number };
  readonly strategy?: string;
  readonly escalations?: number;
  /** Weighted share of the answers that agree with the final one, 0 to 1. */
  readonly agreement?: number;
  readonly adapters?: readonly AdapterTelemetry[];
  readonly window_left?: Window;
  /** The answer of an earlier equal request: nothing was debited. */
  readonly replayed?: boolean;
  /** The answer was given again from a cache, and this is what it had cost. */
  readonly cached?: { readonly tokens: number; readonly usd: number };
  readonly [other: string]: unknown;
}
