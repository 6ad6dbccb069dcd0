import * as z from "zod";
import { errorClasses } from "../frame/error-classes.js";
import type { ErrorCode } from "../frame/error-codes.js";
import { credit, id, open, qos, share, uint, window } from "./basics.js";

/** The content of `agent.result.partial` (A4.2). An adapter's other members pass through. */
export const partialContent = z
  .looseObject({
    adapter: z.string(),
    chunk: uint,
    attempt: uint.optional(),
    text: z.string().optional(),
    sample: uint.optional(),
  })
  .meta(open);

/** A citation that supports an answer. */
export const evidence = z
  .looseObject({
    source: z.string(),
    locator: z.string().optional(),
    quote: z.string().optional(),
    adapter: z.string().optional(),
  })
  .meta(open);

const group = z.looseObject({ adapters: z.array(z.string()), answer: z.string(), weight: share });

/** How an answer came about (A4.3). */
export const consensusContent = z
  .looseObject({
    strategy: z.string(),
    agreement: share,
    support: z.array(z.string()),
    dissent: z.array(group),
    evidence: z.array(evidence),
    revised: z.boolean(),
    stopped_by: z.string().optional(),
    weights: z.record(z.string(), z.number()).optional(),
  })
  .meta(open);

/** The content of `agent.result.final` and `agent.result.provisional` (A4.3): a reader asks only `ok` and `answer`. */
export const finalContent = z
  .looseObject({
    ok: z.boolean(),
    answer: z.string(),
    adapter: z.string().optional(),
    consensus: consensusContent.optional(),
    tool_calls: z.array(z.unknown()).optional(),
  })
  .meta(open);

/** The content of `agent.question`: what the stream asks its client. */
export const questionContent = z.looseObject({ question: z.string(), adapter: z.string().optional() }).meta(open);

/** The content of `agent.log`. */
export const logContent = z.looseObject({ message: z.string(), adapter: z.string().optional() }).meta(open);

const limits = z.looseObject({
  heartbeat_ms: uint,
  max_idle_ms: uint,
  retention_ms: uint,
  retention_bytes: uint,
  max_frame_bytes: uint,
  max_message_bytes: uint,
  max_fragments: uint,
  max_reassemblies: uint,
  max_streams: uint,
  frames_per_s: uint,
  drain_ms: uint,
  protocol_errors_per_min: uint,
});

/** The content of `control.welcome` (A2.2). */
export const welcomeContent = z.looseObject({
  server: z.looseObject({ name: z.string(), version: z.string() }),
  levels: z.array(uint),
  capabilities: z.array(z.string()),
  epoch: z.string(),
  resume_token: z.string().optional(),
  resume_url: z.string().optional(),
  limits,
  lease: z.looseObject({ max_parallel: uint, max_tokens: uint, max_usd_micros: uint }),
  principal: z.looseObject({ tenant: z.string(), sub: z.string() }),
});

/** The content of `control.accept` (A5.2). */
export const acceptContent = z.looseObject({ qos, window, credit: credit.optional(), ack: uint });

/** The content of `control.resumed` (A9.2). */
export const resumedContent = z.looseObject({
  streams: z.array(
    z.looseObject({
      stream_id: id,
      state: z.enum(["live", "finished", "gap", "gone"]),
      next_seq: uint,
      ack: uint,
      used: credit,
      processed: z.enum(["no", "maybe"]).optional(),
    }),
  ),
});

/** The content of `control.detached` (A9.2). */
export const detachedContent = z.looseObject({ resume_token: z.string() });

/** The content of `control.plan`: the route chosen, its estimate and why. */
export const planContent = z.looseObject({ strategy: z.string().optional() }).meta(open);

/** The content of `control.status`. */
export const statusContent = z.looseObject({
  state: z.enum(["READY", "BUSY", "PAUSE", "DRAINING"]),
  retry_after_ms: uint.optional(),
  drain_ms: uint.optional(),
  resume_url: z.string().optional(),
});

/** The content of `error` (A12). */
export const errorContent = z.looseObject({
  code: z.enum(Object.keys(errorClasses) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  retry: z.enum(["never", "same", "backoff", "new_session", "reauth"]),
  retry_after_ms: uint.optional(),
  processed: z.enum(["no", "maybe", "yes"]),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** The content of `atp.fragment` (A6). */
export const fragmentContent = z.looseObject({
  data: z.string(),
  end: z.looseObject({ count: uint.min(1), bytes: uint, flags: z.array(z.string()) }).optional(),
});

const adapterTelemetry = z.looseObject({
  name: z.string(),
  outcome: z.enum(["ok", "failed", "cancelled", "timeout", "skipped"]),
  attempt: uint,
  in_tokens: uint,
  out_tokens: uint,
  usd: uint,
  ttfp_ms: uint.optional(),
  latency_ms: uint.optional(),
  confidence: share.optional(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
});

/** The bill of a stream (A11): a reader asks only the first three. */
export const telemetry = z.looseObject({
  tokens: uint,
  usd: uint,
  latency_ms: uint,
  in_tokens: uint.optional(),
  out_tokens: uint.optional(),
  ttfp_ms: uint.optional(),
  queue_ms: uint.optional(),
  estimate: z.looseObject({ tokens: uint, usd: uint }).optional(),
  strategy: z.string().optional(),
  escalations: uint.optional(),
  agreement: share.optional(),
  adapters: z.array(adapterTelemetry).optional(),
  window_left: window.optional(),
  replayed: z.boolean().optional(),
  cached: z.looseObject({ tokens: uint, usd: uint }).optional(),
});
