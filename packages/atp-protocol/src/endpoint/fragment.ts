import { sliceJson } from "../codec/fragments.js";
import { utf8Length } from "../codec/text.js";
import type { ErrorContent } from "../frame/errors.js";
import type { Frame, Payload } from "../frame/frame.js";
import { payloadTypes } from "../frame/payload.js";
import { errorOf, markFailed, NOTHING_SPENT } from "./failure.js";
import { END_FLAGS, type OutEntry, type State, type Stream } from "./state.js";
import type { Encoded } from "./types.js";

/** Room for what a fragment says beside its first members: `end`, its numbers, its telemetry's punctuation. */
const SPARE_BYTES = 256;

/**
 * What becomes of a message over `max_frame_bytes` (A6): fragments for a peer that announced them, the whole message for
 * another, and a failed stream when it is over the limits of a message.
 */
export function fragment(
  s: State,
  stream: Stream,
  frame: Frame,
  data: Encoded,
  bytes: number,
  end: boolean,
): OutEntry | null {
  const seq = frame.msg_seq;
  if (bytes > s.limits.max_message_bytes) return tooBig(s, stream, frame, end, bytes, s.limits.max_message_bytes);
  if (!s.capabilities.fragments) {
    // A router refuses a frame over its limit unread, so a client does not send it.
    if (!s.router) return tooBig(s, stream, frame, end, bytes, s.limits.max_frame_bytes);
    return { seq, parts: [data], bytes, end };
  }
  const text = JSON.stringify(frame.payload);
  const { payload: _, flags, telemetry, ...first } = frame;
  const overhead = s.config.sizeOf(
    s.config.encode({ ...frame, payload: { type: payloadTypes.fragment, content: { data: "" } } }),
  );
  const room = s.limits.max_frame_bytes - overhead - SPARE_BYTES;
  const slices = room > 0 ? sliceJson(text, room) : [];
  if (slices.length === 0 || slices.length > s.limits.max_fragments)
    return tooBig(s, stream, frame, end, bytes, s.limits.max_message_bytes);
  const last = slices.length - 1;
  const parts = slices.map((slice, index) => {
    const content =
      index < last ? { data: slice } : { data: slice, end: { count: slices.length, bytes: utf8Length(text), flags } };
    const head =
      index === 0 ? first : { v: first.v, session_id: first.session_id, stream_id: first.stream_id, msg_seq: seq };
    const part: Frame = {
      ...head,
      frag_seq: index,
      flags: index === last ? [] : index === 0 && flags.includes("SYN") ? ["SYN", "MORE"] : ["MORE"],
      payload: { type: payloadTypes.fragment, content },
      ...(index === last && telemetry !== undefined ? { telemetry } : {}),
    };
    return s.config.encode(part);
  });
  return { seq, parts, bytes: parts.reduce((sum, part) => sum + s.config.sizeOf(part), 0), end };
}

function tooBig(s: State, stream: Stream, frame: Frame, end: boolean, bytes: number, limit: number): OutEntry | null {
  const error: ErrorContent = errorOf(
    "ETOOBIG",
    "A6",
    `a message of ${bytes} bytes is over ${limit}`,
    { bytes, limit },
    s.router ? "maybe" : "no",
  );
  if (s.router) {
    if (!end) {
      markFailed(s, stream, error);
      return null;
    }
    // The end itself is too big: the stream still ends, once.
    const payload: Payload = { type: payloadTypes.error, content: error };
    const rst: Frame = { ...frame, flags: END_FLAGS.RST, payload, telemetry: frame.telemetry ?? NOTHING_SPENT };
    const data = s.config.encode(rst);
    s.fx.push({ t: "violation", error, stream: stream.ref });
    return { seq: frame.msg_seq, parts: [data], bytes: s.config.sizeOf(data), end: true };
  }
  s.fx.push({ t: "violation", error, stream: stream.ref });
  if (frame.flags.includes("SYN")) endLocally(s, stream, error);
  return null;
}

/** Client: ends a stream that never left this side, as the router would have refused it. */
export function endLocally(s: State, stream: Stream, error: ErrorContent): void {
  s.streams.delete(stream.ref);
  s.open--;
  stream.ended = true;
  stream.queue = [];
  const frame: Frame = {
    v: 1,
    session_id: stream.sessionId,
    stream_id: stream.streamId,
    msg_seq: stream.first + 1,
    flags: END_FLAGS.RST,
    payload: { type: payloadTypes.error, content: error },
    telemetry: NOTHING_SPENT,
  };
  s.fx.push({ t: "stream.ended", stream: stream.ref, by: "RST", frame });
}
