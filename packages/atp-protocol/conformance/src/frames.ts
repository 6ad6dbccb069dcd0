import type { Bag, Json } from "./vector-data.js";

/** A frame as it came, read with `JSON.parse` alone: the suite does not trust the codec that it proves. */
export interface Seen {
  readonly v?: unknown;
  readonly session_id?: unknown;
  readonly stream_id: string;
  readonly msg_seq: number;
  readonly frag_seq?: number;
  readonly flags: readonly string[];
  readonly payload?: { readonly type?: string; readonly content?: Bag };
  readonly ack?: number;
  readonly ttl?: number;
  readonly qos?: string;
  readonly credit?: { readonly messages: number; readonly bytes: number };
  readonly telemetry?: Bag;
  readonly [member: string]: unknown;
}

/** Frames that traces abbreviate: `like` names one, and a step's own members take the place of its. */
const shapes: Readonly<Record<string, Bag>> = {
  hello: {
    stream_id: "0",
    flags: ["CTRL"],
    payload: {
      type: "control.hello",
      content: { client: { name: "atp-conformance", version: "1" }, capabilities: [] },
    },
  },
  syn: { flags: ["SYN"], payload: { type: "agent.request", content: { prompt: "hello" } } },
  input: { msg_seq: 2, flags: [], payload: { type: "agent.input", content: { prompt: "more" } } },
  feedback: { msg_seq: 2, flags: [], payload: { type: "agent.feedback", content: { rating: 1 } } },
  cancel: { msg_seq: 2, flags: ["RST"], payload: { type: "control.cancel", content: {} } },
  ack: { flags: ["ACK"] },
  hb: { stream_id: "0", flags: ["HB"] },
  window: {
    flags: ["CTRL"],
    payload: { type: "control.window_update", content: { number: 1, window: { max_tokens: 1000 } } },
  },
  accept: {
    flags: ["SYN", "ACK"],
    ack: 1,
    payload: { type: "control.accept", content: { qos: "silver", window: {}, ack: 1 } },
  },
  partial: {
    msg_seq: 2,
    flags: ["MORE"],
    payload: { type: "agent.result.partial", content: { adapter: "a", chunk: 0, text: "x" } },
  },
  final: {
    msg_seq: 2,
    flags: ["FIN"],
    payload: { type: "agent.result.final", content: { ok: true, answer: "x" } },
    telemetry: { tokens: 1, usd: 1, latency_ms: 1 },
  },
  reset: {
    msg_seq: 2,
    flags: ["RST"],
    payload: {
      type: "error",
      content: { code: "EAGENTDOWN", message: "No adapter answers.", retry: "backoff", processed: "no" },
    },
    telemetry: { tokens: 0, usd: 0, latency_ms: 0 },
  },
};

/** The limits that a welcome announces, with their defaults (A2.2). */
export const LIMITS: Readonly<Record<string, number>> = {
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

/** A whole frame of a step: members that every frame has are added. */
export function frameOf(step: Bag): Bag {
  const { like, ...own } = step;
  const shape = typeof like === "string" ? shapes[like] : {};
  if (shape === undefined) throw new Error(`no frame is like ${JSON.stringify(like)}`);
  return { v: 1, session_id: "s1", stream_id: "q1", msg_seq: 1, flags: [], ...shape, ...own };
}

/** A HELLO with capabilities and a token. */
export function helloFrame(capabilities: readonly string[], token: string | undefined): Bag {
  const content: Record<string, Json> = {
    client: { name: "atp-conformance", version: "1" },
    capabilities: [...capabilities],
    ...(token === undefined ? {} : { token }),
  };
  return frameOf({ like: "hello", payload: { type: "control.hello", content } });
}

/** A welcome with capabilities, for a testee that is a client. */
export function welcomeFrame(capabilities: readonly string[], over: Bag): Bag {
  const limits = { ...LIMITS, ...(over["limits"] as Bag | undefined) };
  const content: Record<string, Json> = {
    server: { name: "atp-conformance", version: "1" },
    levels: [1],
    capabilities: [...capabilities],
    epoch: "epoch-1",
    ...(capabilities.includes("resume") ? { resume_token: "token-1-0000000000000000000000" } : {}),
    lease: { max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 },
    principal: { tenant: "default", sub: "anonymous" },
    ...over,
    limits,
  };
  return frameOf({ stream_id: "0", flags: ["CTRL"], payload: { type: "control.welcome", content } });
}

/** The retry class of each code (A12-5). */
export function retryOf(code: string): string | undefined {
  if (code === "EAUTH") return "reauth";
  if (code === "ERESUME") return "new_session";
  if (/^E(WINDOW|OVERLOAD|PREEMPT|DRAINING|AGENTDOWN|INTERNAL)$/.test(code)) return "backoff";
  return /^E(PROTO|TOOBIG|DUP|POLICY|SEC|BUDGET|TIMEOUT|CANCELLED|NOROUTE|CONSENSUS|TTL)$/.test(code)
    ? "never"
    : undefined;
}

const CONTROL = new Set(["ACK", "HB", "CTRL"]);

/** True when the frame takes a number (A5.2). */
export function isNumbered(frame: Seen): boolean {
  return !frame.flags.some((flag) => CONTROL.has(flag));
}

/** Known flags of a frame, sorted and once each. */
export function kindFlags(frame: Seen): string {
  const known = new Set(["SYN", "ACK", "MORE", "FIN", "RST", "HB", "CTRL"]);
  return [...new Set(frame.flags)]
    .filter((flag) => known.has(flag))
    .sort()
    .join();
}
