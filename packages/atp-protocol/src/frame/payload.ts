import type { Credit, Qos, Window } from "./frame.js";

/** Payload types (A4). */
export const payloadTypes = {
  request: "agent.request",
  input: "agent.input",
  feedback: "agent.feedback",
  hello: "control.hello",
  auth: "control.auth",
  windowUpdate: "control.window_update",
  cancel: "control.cancel",
  detach: "control.detach",
  partial: "agent.result.partial",
  provisional: "agent.result.provisional",
  final: "agent.result.final",
  question: "agent.question",
  log: "agent.log",
  welcome: "control.welcome",
  accept: "control.accept",
  resumed: "control.resumed",
  detached: "control.detached",
  plan: "control.plan",
  status: "control.status",
  error: "error",
  fragment: "atp.fragment",
} as const;
/** A known payload type. */
export type PayloadType = (typeof payloadTypes)[keyof typeof payloadTypes];

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
  readonly [other: string]: unknown;
}

/** The content of a request (A4.1): `prompt` or `messages`, and options. */
export interface RequestContent {
  readonly prompt?: string;
  readonly messages?: readonly ChatMessage[];
  readonly system?: string;
  readonly max_output_tokens?: number;
  readonly temperature?: number;
  readonly stop?: readonly string[];
  readonly tools?: readonly unknown[];
  readonly tool_choice?: unknown;
  readonly response_format?: unknown;
  /** A closed answer set. */
  readonly choices?: readonly string[];
  /** Clones of one adapter. */
  readonly samples?: number;
  readonly [other: string]: unknown;
}

/** The content of a partial (A4.2). */
export interface PartialContent {
  readonly adapter: string;
  /** Index of this chunk in the adapter's answer, from 0. */
  readonly chunk: number;
  /** A higher attempt voids the slot's earlier text. @default 0 */
  readonly attempt?: number;
  readonly text?: string;
  /** Which clone of the adapter, from 0. */
  readonly sample?: number;
  readonly [other: string]: unknown;
}

/** A citation that supports an answer; a file's `locator` is `path:line` (B.9). */
export interface Evidence {
  readonly source: string;
  readonly locator?: string;
  readonly quote?: string;
  /** The adapter that cited it. */
  readonly adapter?: string;
  readonly [other: string]: unknown;
}

/** A group of adapters that gave the same answer, or another answer than the final one. */
export interface ConsensusGroup {
  readonly adapters: readonly string[];
  readonly answer: string;
  /** The group's share of the weight, 0 to 1. */
  readonly weight: number;
}

/** How the answer came about (A4.3). */
export interface ConsensusContent {
  readonly strategy: string;
  /** Weighted share of the answers that agree with the final one, 0 to 1. */
  readonly agreement: number;
  readonly support: readonly string[];
  readonly dissent: readonly ConsensusGroup[];
  readonly evidence: readonly Evidence[];
  readonly revised: boolean;
  /** What ended the weighing, such as `all_answered`, `first_good`, `confident`, `quorum`, `exhausted`. */
  readonly stopped_by?: string;
  readonly weights?: Readonly<Record<string, number>>;
  readonly [other: string]: unknown;
}

/** The content of a FINAL (A4.3): authoritative and complete by itself. A reader asks only `ok` and `answer`. */
export interface FinalContent {
  readonly ok: boolean;
  readonly answer: string;
  readonly adapter?: string;
  readonly consensus?: ConsensusContent;
  readonly tool_calls?: readonly unknown[];
  readonly [other: string]: unknown;
}

/** The content of `control.accept`. */
export interface AcceptContent {
  readonly qos: Qos;
  readonly window: Window;
  /** Only when both sides announced `credit`. */
  readonly credit?: Credit;
  /** The SYN's number. */
  readonly ack: number;
}

/** The content of `control.window_update`: absolute ceilings; an older number is ignored (A7.6). */
export interface WindowUpdateContent {
  readonly number: number;
  readonly window: Window;
  /** What is left of them, from the router. */
  readonly left?: Window;
}

/** The content of `control.hello`. */
export interface HelloContent {
  readonly client: { readonly name: string; readonly version: string };
  readonly capabilities: readonly string[];
  readonly token?: string;
  readonly resume?: {
    readonly resume_token: string;
    readonly streams: readonly { readonly stream_id: string; readonly last_seq: number }[];
  };
}

/** Every limit and lifetime that can refuse a client (A2.2). */
export interface WireLimits {
  readonly heartbeat_ms: number;
  readonly max_idle_ms: number;
  readonly retention_ms: number;
  readonly retention_bytes: number;
  readonly max_frame_bytes: number;
  readonly max_message_bytes: number;
  readonly max_fragments: number;
  readonly max_reassemblies: number;
  readonly max_streams: number;
  readonly frames_per_s: number;
  readonly drain_ms: number;
  /** EPROTO errors in a minute after which the socket closes with 4400. */
  readonly protocol_errors_per_min: number;
}

/** Defaults of part A. */
export const defaultLimits: WireLimits = {
  heartbeat_ms: 15_000,
  max_idle_ms: 45_000,
  retention_ms: 120_000,
  retention_bytes: 1_048_576,
  max_frame_bytes: 262_144,
  max_message_bytes: 8_388_608,
  max_fragments: 1_024,
  max_reassemblies: 4,
  max_streams: 256,
  frames_per_s: 2_000,
  drain_ms: 10_000,
  protocol_errors_per_min: 16,
};

/** The content of `control.welcome` (A2.2). */
export interface WelcomeContent {
  readonly server: { readonly name: string; readonly version: string };
  readonly levels: readonly number[];
  readonly capabilities: readonly string[];
  /** Opaque; compared for equality. */
  readonly epoch: string;
  /** Absent without the capability `resume`. */
  readonly resume_token?: string;
  readonly resume_url?: string;
  readonly limits: WireLimits;
  readonly lease: { readonly max_parallel: number; readonly max_tokens: number; readonly max_usd_micros: number };
  readonly principal: { readonly tenant: string; readonly sub: string };
}

/** The content of `control.status`. */
export interface StatusContent {
  readonly state: "READY" | "BUSY" | "PAUSE" | "DRAINING";
  readonly retry_after_ms?: number;
  readonly drain_ms?: number;
  readonly resume_url?: string;
}
