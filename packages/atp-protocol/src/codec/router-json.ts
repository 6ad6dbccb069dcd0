import type { Frame } from "../frame/frame.js";
import { isUint } from "./envelope.js";
import { encodeFrame, withoutHalves } from "./json.js";

/** Members of a frame as the endpoint builds a message: `v`, two ids, number, flags, ttl, payload. */
const MESSAGE_MEMBERS = 7;
/** Members of a partial's content as most are: `adapter`, `chunk`, `attempt`, `text`. */
const CONTENT_MEMBERS = 4;

/**
 * Encodes a frame as {@link encodeFrame} does, and a partial a fifth sooner, which is most of what a router sends: what is the same in
 * all of them is written as it stands, and only the content is looked through for what must be escaped.
 */
export function encodeRouterFrame(frame: Frame): string {
  const { payload, flags } = frame;
  if (payload?.type !== "agent.result.partial" || flags.length !== 1 || flags[0] !== "MORE") return encodeFrame(frame);
  const { content, confidence } = payload;
  const hasConfidence = Number.isFinite(confidence);
  if (
    content === undefined ||
    frame.ttl === undefined ||
    Object.keys(frame).length !== MESSAGE_MEMBERS ||
    Object.keys(payload).length !== (hasConfidence ? 3 : 2)
  )
    return encodeFrame(frame);
  const { session_id, stream_id, msg_seq, ttl } = frame;
  const rest = hasConfidence ? `,"confidence":${confidence}` : "";
  return `{"v":1,"session_id":"${session_id}","stream_id":"${stream_id}","msg_seq":${msg_seq},"flags":["MORE"],"ttl":${ttl},"payload":{"type":"agent.result.partial","content":${withoutHalves(contentText(content))}${rest}}}`;
}

/** A partial's usual content: its four members, of which only the texts are looked through. */
function contentText(content: unknown): string {
  const { adapter, chunk, attempt, text } = (content ?? {}) as Readonly<Record<string, unknown>>;
  return typeof text === "string" &&
    typeof adapter === "string" &&
    isUint(chunk) &&
    isUint(attempt) &&
    Object.keys(content as object).length === CONTENT_MEMBERS
    ? `{"adapter":${JSON.stringify(adapter)},"chunk":${chunk},"attempt":${attempt},"text":${JSON.stringify(text)}}`
    : JSON.stringify(content);
}
