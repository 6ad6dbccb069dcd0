import { isObject, isStrings, isUint, wrongPayload } from "../codec/envelope.js";
import { flagBits, isLegalMix, MORE, takesNumber } from "../codec/flags.js";
import { beforeTooDeep, findForbiddenKey, hasLoneSurrogate, mayHideKey, Place } from "../codec/hazards.js";
import { utf8Length } from "../codec/text.js";
import type { Frame } from "../frame/frame.js";
import { errorOf } from "./failure.js";
import { FRAGMENT_IDLE_MS } from "./outbox.js";
import type { Joined, Reassembly, State, Stream } from "./state.js";
import { arm } from "./timer.js";

const PART: Joined = { t: "part" };
const broken = (message: string): Joined => ({ t: "broken", error: errorOf("EPROTO", "A6", message) });
const over = (message: string, limit: number): Joined => ({
  t: "broken",
  error: errorOf("ETOOBIG", "A6", message, { limit }),
});

/** Takes one fragment of the stream's next message (A6). Duplicates are dropped; a broken rule ends the reassembly. */
export function joinFragment(s: State, stream: Stream, frame: Frame, bytes: number): Joined {
  const joined = take(s, stream, frame, bytes);
  if (joined.t !== "part") stream.reassembly = null;
  return joined;
}

function take(s: State, stream: Stream, frame: Frame, bytes: number): Joined {
  if (!s.capabilities.fragments) return broken("fragments were not announced by both sides");
  const content = frame.payload?.content;
  if (!isObject(content) || typeof content["data"] !== "string") return broken("a fragment's content is {data}");
  const data = content["data"];
  const index = frame.frag_seq ?? 0;
  let open = stream.reassembly;
  if (open !== null && open.first.msg_seq !== frame.msg_seq) return broken("fragments of two messages interleave");
  if (open === null) {
    if (index !== 0) return broken("the first fragment of a message has frag_seq 0");
    if (countOpen(s) >= s.limits.max_reassemblies)
      return over("too many messages in fragments at once", s.limits.max_reassemblies);
    open = { first: frame, parts: [], dataBytes: 0, frameBytes: 0, lastAt: s.at };
    stream.reassembly = open;
    arm(s, s.at + FRAGMENT_IDLE_MS);
  }
  if (index < open.parts.length) return PART;
  if (index > open.parts.length) return broken("a fragment is missing");
  if (index >= s.limits.max_fragments) return over("too many fragments", s.limits.max_fragments);
  const isLast = (flagBits(frame.flags) & MORE) === 0;
  if (!isLast && data === "") return broken("only the last fragment may be empty");
  open.parts.push(data);
  open.dataBytes += utf8Length(data);
  open.frameBytes += bytes;
  open.lastAt = s.at;
  if (open.dataBytes > s.limits.max_message_bytes) return over("the message is too big", s.limits.max_message_bytes);
  return isLast ? finish(open, frame, content["end"]) : PART;
}

function countOpen(s: State): number {
  let count = 0;
  for (const stream of s.streams.values()) if (stream.reassembly !== null) count++;
  return count;
}

function finish(open: Reassembly, last: Frame, end: unknown): Joined {
  if (!isObject(end) || !isUint(end["count"]) || !isUint(end["bytes"]) || !isStrings(end["flags"]))
    return broken("the last fragment carries end {count, bytes, flags}");
  if (end["count"] !== open.parts.length || end["bytes"] !== open.dataBytes)
    return broken("end does not count what came");
  const flags = end["flags"];
  const bits = flagBits(flags);
  if (!isLegalMix(bits) || !takesNumber(bits)) return broken("end.flags are not those of a message");
  const text = open.parts.join("");
  const forbidden = (what: string): Joined => ({
    t: "broken",
    error: errorOf("EPROTO", "A3.3", `${what} is not allowed`),
  });
  // It stands in a frame, which is the first level.
  if (beforeTooDeep(text, 1) !== null) return forbidden("nesting over 64");
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    return broken("the joined data is not JSON");
  }
  if (!isObject(payload) || wrongPayload(payload) !== undefined) return broken("the joined data is not a payload");
  if (hasLoneSurrogate(text)) return forbidden("a lone surrogate");
  const key = mayHideKey(text) ? findForbiddenKey(payload, Place.Payload) : null;
  if (key !== null) return forbidden(`the key ${key}`);
  const { frag_seq: _, ...first } = open.first;
  const frame: Frame = {
    ...first,
    flags,
    payload: payload as unknown as NonNullable<Frame["payload"]>,
    ...(last.telemetry === undefined ? {} : { telemetry: last.telemetry }),
  };
  return { t: "whole", frame, bytes: open.frameBytes };
}
