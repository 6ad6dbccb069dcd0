import type { Telemetry } from "./telemetry.js";

/** The wire version that this package speaks. */
export const WIRE_VERSION = 1;

/** The connection's own stream: it carries only control frames (A3). */
export const CONNECTION_STREAM = "0";

/** The largest integer of the wire (A3.1). */
export const MAX_UINT = Number.MAX_SAFE_INTEGER;

/** Known flags (A3). Unknown ones are ignored. */
export const flags = ["SYN", "ACK", "MORE", "FIN", "RST", "HB", "CTRL", "OPT"] as const;
/** A known flag. */
export type Flag = (typeof flags)[number];

/** Lanes, best first. */
export const qosClasses = ["gold", "silver", "bronze"] as const;
/** A lane: the class of service of a stream. */
export type Qos = (typeof qosClasses)[number];

/** Strategies of `meta.strategy` (A3). */
export const strategies = ["single", "race", "cascade", "quorum", "fanout", "clones", "auto"] as const;
/** How a stream's adapters are asked. */
export type Strategy = (typeof strategies)[number];

/** A stream's or session's ceilings. A missing member means the outer scope's; 0 grants nothing. */
export interface Window {
  readonly max_parallel?: number;
  readonly max_tokens?: number;
  /** Micro-dollars: 1 USD is 1,000,000. */
  readonly max_usd_micros?: number;
}

/** Absolute totals that the sender may reach on a stream (A8). */
export interface Credit {
  readonly messages: number;
  readonly bytes: number;
}

/** What a SYN says of its task (A3, row `meta`). */
export interface Meta {
  readonly task_type?: string;
  readonly tool_permissions?: readonly string[];
  readonly data_scope?: readonly string[];
  readonly languages?: readonly string[];
  readonly risk?: string;
  readonly environment_id?: string;
  readonly security_groups?: readonly string[];
  readonly trace?: { readonly traceparent?: string; readonly tracestate?: string };
  /** Milliseconds from the SYN's arrival. */
  readonly deadline_ms?: number;
  readonly idempotency_key?: string;
  readonly on_disconnect?: "continue" | "cancel";
  readonly memory?: MemoryRequest;
  readonly strategy?: Strategy;
  readonly [other: string]: unknown;
}

/** Which shared memory a stream reads before it asks, and where its FINAL is stored. */
export interface MemoryRequest {
  /** Path whose first segment is the principal's tenant. */
  readonly namespace: string;
  readonly read?: readonly string[];
  /** The key, or keys, that receive the FINAL. */
  readonly write?: string | readonly string[];
}

/** A message's payload (A4). `content` is checked by its type's schema, not by the envelope. */
export interface Payload {
  readonly type: string;
  readonly content: unknown;
  readonly confidence?: number;
  readonly cost_est?: unknown;
  /** Milliseconds from sending. */
  readonly expiry_ms?: number;
  readonly checksum?: string;
}

/** One frame: one WebSocket message (A3). */
export interface Frame {
  readonly v: 1;
  readonly session_id: string;
  readonly stream_id: string;
  readonly msg_seq: number;
  readonly frag_seq?: number;
  readonly flags: readonly string[];
  readonly qos?: Qos;
  readonly ttl?: number;
  readonly window?: Window;
  readonly meta?: Meta;
  readonly payload?: Payload;
  readonly ack?: number;
  readonly credit?: Credit;
  readonly telemetry?: Telemetry;
  readonly checksum?: string;
  readonly sig?: string;
  readonly nonce?: string;
}

/** Whether a frame carries a flag. */
export function hasFlag(frame: Pick<Frame, "flags">, flag: Flag): boolean {
  return frame.flags.includes(flag);
}
