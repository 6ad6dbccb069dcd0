import type { Telemetry } from "atp-protocol";
import type { Lane } from "../model/index.js";

/** What is known of a stream when it begins. */
export interface StreamStart {
  readonly key: string;
  readonly tenant: string;
  readonly qos: Lane;
  readonly taskType: string;
  readonly strategy: string;
  /** The client's context (W3C Trace Context), unchecked. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** The request's content as JSON text, for those who turned its capture on. */
  readonly promptJson: string;
}

/** A call of an adapter, or the asking of its price. */
export interface CallStart {
  readonly operation: "chat" | "estimate";
  readonly adapter: string;
  readonly model?: string;
  readonly attempt: number;
  readonly maxOutputTokens?: number;
}

/** How a step or a call ended. */
export interface TraceEnd {
  /** A failure's kind or code; absent when it went well. */
  readonly error?: string;
  readonly inTokens?: number;
  readonly outTokens?: number;
  readonly usdMicros?: number;
}

/** A running call. */
export interface CallTrace {
  /** The context that goes to the adapter. */
  readonly traceparent: string;
  /** Its first content came. */
  first(): void;
  end(end: TraceEnd): void;
}

/** A stream that is being traced. Every method is synchronous and must not throw. */
export interface StreamTrace {
  step(name: "policy" | "memory.read" | "memory.write"): (end: TraceEnd) => void;
  call(start: CallStart): CallTrace;
  /**
   * @param outcome `final`, or an error's code
   * @param captured false when policy forbids that the data reaches a log
   */
  end(outcome: string, telemetry: Telemetry, captured: boolean): void;
}

/** Follows streams from the client's frame to each adapter's call. A port that samples a stream out costs it next to nothing. */
export interface TracingPort {
  stream(start: StreamStart): StreamTrace;
}
