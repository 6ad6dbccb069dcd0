import type { FrameRefusal } from "../endpoint/types.js";
import { MAX_UINT, WIRE_VERSION } from "../frame/frame.js";
import { ACK, CTRL, FIN, flagBits, isLegalMix, RST, SYN, takesNumber } from "./flags.js";

type Bag = Readonly<Record<string, unknown>>;

/** The largest number of a SYN, so that answers stay safe integers (A5.1). */
const MAX_SYN_SEQ = 2 ** 31;

const idPattern = /^[A-Za-z0-9._:-]{1,128}$/;

/** An integer of the wire: 0 to 2^53-1 (A3.1). */
export function isUint(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value);
}

/** A JSON object: no array, not null. */
export function isObject(value: unknown): value is Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A session or stream id (A3). */
export function isId(value: unknown): value is string {
  return typeof value === "string" && idPattern.test(value);
}

/** An array of strings only. */
export function isStrings(value: unknown): value is readonly string[] {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (typeof value[i] !== "string") return false;
  return true;
}

const optional = (value: unknown, test: (value: unknown) => boolean): boolean => value === undefined || test(value);
const isString = (value: unknown): value is string => typeof value === "string";

/** A refusal with what can still be read of the frame's address, so that the answer finds its stream (A3.6). */
export function refuse(
  frame: unknown,
  rule: string,
  message: string,
  details?: Readonly<Record<string, unknown>>,
  code: FrameRefusal["code"] = "EPROTO",
): FrameRefusal {
  const bag = isObject(frame) ? frame : {};
  const { session_id: sessionId, stream_id: streamId, msg_seq: msgSeq, flags } = bag;
  return {
    code,
    message,
    rule,
    ...(details === undefined ? {} : { details }),
    ...(isId(sessionId) ? { sessionId } : {}),
    ...(isId(streamId) ? { streamId } : {}),
    ...(isUint(msgSeq) && msgSeq > 0 ? { msgSeq } : {}),
    ...(isStrings(flags) ? { flags } : {}),
  };
}

/** Absolute ceilings: uints, each optional (A3, row `window`). */
export function isWindow(value: unknown): boolean {
  return (
    isObject(value) &&
    optional(value["max_parallel"], isUint) &&
    optional(value["max_tokens"], isUint) &&
    optional(value["max_usd_micros"], isUint)
  );
}

/** Absolute totals of messages and bytes (A8.1). */
export function isCredit(value: unknown): boolean {
  return isObject(value) && isUint(value["messages"]) && isUint(value["bytes"]);
}

function isMemory(value: unknown): boolean {
  if (!isObject(value) || !isString(value["namespace"])) return false;
  const write = value["write"];
  return optional(value["read"], isStrings) && (optional(write, isString) || isStrings(write));
}

function isTrace(value: unknown): boolean {
  return isObject(value) && optional(value["traceparent"], isString) && optional(value["tracestate"], isString);
}

const isStrategy = (value: unknown): boolean =>
  isString(value) && /^(single|race|cascade|quorum|fanout|clones|auto)$/.test(value);
const isOnDisconnect = (value: unknown): boolean => value === "continue" || value === "cancel";

/** The first member of `meta` that has the wrong type, or null. */
function wrongMeta(meta: Bag): string | null {
  for (const key of Object.keys(meta)) {
    const test = metaTests[key as keyof typeof metaTests];
    if (test !== undefined && Object.hasOwn(metaTests, key) && !test(meta[key])) return key;
  }
  return null;
}

const metaTests = {
  task_type: isString,
  tool_permissions: isStrings,
  data_scope: isStrings,
  languages: isStrings,
  risk: isString,
  environment_id: isString,
  security_groups: isStrings,
  trace: isTrace,
  deadline_ms: isUint,
  idempotency_key: isString,
  on_disconnect: isOnDisconnect,
  memory: isMemory,
  strategy: isStrategy,
};

/** The first member of `payload` that has the wrong type, or null. `content` belongs to its type's schema. */
export function wrongPayload(payload: Bag): string | null {
  if (!isString(payload["type"])) return "type";
  const confidence = payload["confidence"];
  if (confidence !== undefined && !(typeof confidence === "number" && confidence >= 0 && confidence <= 1))
    return "confidence";
  if (!optional(payload["expiry_ms"], isUint)) return "expiry_ms";
  return optional(payload["checksum"], isString) ? null : "checksum";
}

function isTelemetry(value: unknown): boolean {
  return isObject(value) && isUint(value["tokens"]) && isUint(value["usd"]) && isUint(value["latency_ms"]);
}

const wrong = (frame: Bag, member: string, asked: string): FrameRefusal =>
  refuse(frame, "A3", `${member} must be ${asked}`);

/** Checks types, ranges and the mix of flags of a parsed frame (A3, A3.1, A3.7); null when all hold. Unknown members are ignored. */
export function checkEnvelope(frame: unknown): FrameRefusal | null {
  if (!isObject(frame)) return refuse(null, "A3", "a frame is a JSON object");
  const { v, session_id, stream_id, msg_seq, flags, payload, meta, frag_seq, qos, ttl } = frame;
  if (v !== WIRE_VERSION) return refuse(frame, "A3", "v must be 1", { supported: [WIRE_VERSION] });
  if (!isId(session_id)) return wrong(frame, "session_id", "1 to 128 of [A-Za-z0-9._:-]");
  if (!isId(stream_id)) return wrong(frame, "stream_id", "1 to 128 of [A-Za-z0-9._:-]");
  if (!isUint(msg_seq) || msg_seq === 0)
    return refuse(frame, "A3.1", `msg_seq must be an integer from 1 to ${MAX_UINT}`);
  if (!isStrings(flags)) return wrong(frame, "flags", "an array of strings");
  const bits = flagBits(flags);
  if (!isLegalMix(bits)) return refuse(frame, "A3.7", `flags ${flags.join(",")} do not go together`);
  if (frag_seq !== undefined && !isUint(frag_seq)) return refuse(frame, "A3.1", "frag_seq must be an unsigned integer");
  if (qos !== undefined && qos !== "gold" && qos !== "silver" && qos !== "bronze")
    return wrong(frame, "qos", "gold, silver or bronze");
  if (ttl !== undefined && !(isUint(ttl) && ttl < 256))
    return refuse(frame, "A3.1", "ttl must be an integer from 0 to 255");
  if (payload !== undefined) {
    if (!isObject(payload)) return wrong(frame, "payload", "an object");
    const member = wrongPayload(payload);
    if (member !== null) return refuse(frame, "A4", `payload.${member} has a wrong type or range`);
  } else if ((bits & (ACK | FIN | RST)) === 0 && (takesNumber(bits) || (bits & CTRL) !== 0))
    return refuse(frame, "A4", "this frame needs a payload");
  if (meta !== undefined) {
    if (!isObject(meta)) return wrong(frame, "meta", "an object");
    const member = wrongMeta(meta);
    if (member !== null) return refuse(frame, "A3", `meta.${member} has a wrong type or range`);
  }
  if (!optional(frame["window"], isWindow)) return refuse(frame, "A3.1", "window must hold unsigned integers");
  if (!optional(frame["ack"], isUint)) return refuse(frame, "A3.1", "ack must be an unsigned integer");
  if (!optional(frame["credit"], isCredit)) return refuse(frame, "A3.1", "credit must be {messages, bytes}");
  if (!optional(frame["telemetry"], isTelemetry))
    return refuse(frame, "A11", "telemetry must have unsigned integers tokens, usd and latency_ms");
  if (
    !optional(frame["checksum"], isString) ||
    !optional(frame["sig"], isString) ||
    !optional(frame["nonce"], isString)
  )
    return refuse(frame, "A10", "checksum, sig and nonce must be strings");
  if ((bits & (SYN | ACK)) === SYN && msg_seq > MAX_SYN_SEQ)
    return refuse(frame, "A5.1", "a SYN's msg_seq is at most 2^31");
  return null;
}
