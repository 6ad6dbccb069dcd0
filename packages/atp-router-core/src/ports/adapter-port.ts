import type { AdapterFinal, AdapterHealth, Chunk, Estimate, Failure, Ms } from "../model/index.js";

/** Options of every port method that can wait. */
export interface CallOptions {
  /** Gives up at this time of the router's clock, with the failure kind `timeout`. */
  readonly deadlineAt: Ms;
  /** Gives up at once, with the failure kind `cancelled`. */
  readonly signal?: AbortSignal;
}

/** What every call to an adapter says of its origin (B.5). */
export interface CallContext {
  /** The router's own name of the call, unique for each. */
  readonly callId: string;
  readonly traceparent?: string;
  /** A keyed hash of the session: tells calls of one session apart without naming it. */
  readonly session?: string;
  readonly qos: string;
  readonly attempt: number;
}

/** A task to be quoted. */
export interface EstimateCall extends CallContext {
  readonly taskType: string;
  readonly promptJson: string;
  /** 0: the client set none. */
  readonly maxOutputTokens: number;
}

/** A task to be run. */
export interface StreamCall extends CallContext {
  readonly taskType: string;
  /** With `max_output_tokens` set to the clip. */
  readonly promptJson: string;
  readonly maxOutputTokens: number;
  /** Memory as a JSON object by key; empty when there is none. */
  readonly contextJson: string;
  readonly sample: number;
  readonly deadlineAt: Ms;
}

/** Receives one call's answer. Methods are synchronous and must not throw. */
export interface LegSink {
  /** A piece of the answer, in order; never more than was demanded. */
  chunk(chunk: Chunk): void;
  /** The call's one end: its final, or why it failed. Nothing follows. */
  end(end: { readonly final: AdapterFinal } | { readonly failure: Failure }): void;
}

/** A running call. */
export interface LegHandle {
  /**
   * Allows `n` more pieces; below 0 it takes back what was allowed and not used. An implementation over gRPC pauses the HTTP/2 stream
   * when none are left.
   */
  demand(n: number): void;
  /** Stops the call and the provider call behind it; `end` follows with the failure kind `cancelled`, unless it came before. */
  cancel(reason: string): void;
}

/**
 * The router's view of one model adapter. Implementations are safe for concurrent calls and never retry: the router
 * owns retries, so that budgets are charged once.
 */
export interface AdapterPort {
  /** Unique within a router, such as its URL. */
  readonly id: string;
  /** What configuration says of it; wins over what `health` tells. */
  readonly configured?: AdapterHealth["info"];
  /**
   * Quotes a task without running it. Bills nobody.
   * @throws AdapterFailure
   */
  estimate(call: EstimateCall, options: CallOptions): Promise<Estimate>;
  /** Runs a task. Failures arrive at `sink.end`; it never throws. Starts with no demand. */
  open(call: StreamCall, sink: LegSink): LegHandle;
  /**
   * How the adapter is. One that does not implement the call is `READY`.
   * @throws AdapterFailure
   */
  health(options: CallOptions): Promise<AdapterHealth>;
  /** Ends its connections. Running calls fail. */
  close(): void;
}

/** How an adapter call fails. */
export class AdapterFailure extends Error {
  override readonly name = "AdapterFailure";
  readonly failure: Failure;

  constructor(failure: Failure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}
