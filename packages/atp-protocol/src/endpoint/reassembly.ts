import { isObject, isStrings, wrongPayload } from "../codec/envelope.js";
import { flagBits, HB, isLegalMix, MORE, takesNumber } from "../codec/flags.js";
import { beforeTooDeep, hazardOf, Place, TOO_DEEP } from "../codec/hazards.js";
import { utf8Length } from "../codec/text.js";
import type { Frame } from "../frame/frame.js";
import type { WireLimits } from "../frame/payload.js";
import { errorOf } from "./failure.js";
import { FRAGMENT_IDLE_MS } from "./outbox.js";
import type { Joined, Reassembly, State, Stream } from "./state.js";
import { arm } from "./timer.js";

/** Fragments of two messages interleave, the first one is not number 0, or one is missing. */
const OUT_OF_ORDER = "fragments are out of order";
const PART: Joined = { t: "part" };
const broken = (message: string, rule = "A6"): Joined => ({ t: "broken", error: errorOf("EPROTO", rule, message) });
const over = (name: keyof WireLimits, { limits }: State): Joined => ({
  t: "broken",
  error: errorOf("ETOOBIG", "A6", `over ${name}`, { limit: limits[name] }),
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
  if (open !== null && open.first.msg_seq !== frame.msg_seq) return broken(OUT_OF_ORDER);
  if (open === null) {
    if (index !== 0) return broken(OUT_OF_ORDER);
    if (countOpen(s) >= s.limits.max_reassemblies) return over("max_reassemblies", s);
    open = { first: frame, parts: [], dataBytes: 0, frameBytes: 0, lastAt: s.at };
    stream.reassembly = open;
    arm(s, s.at + FRAGMENT_IDLE_MS);
  }
  if (index < open.parts.length) return PART;
  if (index > open.parts.length) return broken(OUT_OF_ORDER);
  if (index >= s.limits.max_fragments) return over("max_fragments", s);
  const isLast = (flagBits(frame.flags) & MORE) === 0;
  if (!isLast && data === "") return broken("only the last fragment may be empty");
  open.parts.push(data);
  open.dataBytes += utf8Length(data);
  open.frameBytes += bytes;
  open.lastAt = s.at;
  if (open.dataBytes > s.limits.max_message_bytes) return over("max_message_bytes", s);
  return isLast ? finish(open, frame, content["end"]) : PART;
}

function countOpen(s: State): number {
  let count = 0;
  for (const stream of s.streams.values()) if (stream.reassembly !== null) count++;
  return count;
}

function finish(open: Reassembly, last: Frame, end: unknown): Joined {
  if (!isObject(end) || end["count"] !== open.parts.length || end["bytes"] !== open.dataBytes)
    return broken("end does not count what came");
  const flags = end["flags"];
  const bits = isStrings(flags) ? flagBits(flags) : HB;
  if (!isStrings(flags) || !isLegalMix(bits) || !takesNumber(bits)) return broken("end.flags are not a message's");
  const text = open.parts.join("");
  // It stands in a frame, which is the first level.
  const isTooDeep = beforeTooDeep(text, 1) !== null;
  let payload: unknown;
  try {
    payload = isTooDeep ? null : JSON.parse(text);
  } catch {
    return broken("the joined data is not JSON");
  }
  const hazard = isTooDeep ? TOO_DEEP : hazardOf(text, payload, Place.Payload);
  if (hazard !== null) return broken(`${hazard} is not allowed`, "A3.3");
  if (!isObject(payload) || wrongPayload(payload) !== undefined) return broken("the joined data is not a payload");
  const { frag_seq: _, ...first } = open.first;
  const frame: Frame = {
    ...first,
    flags,
    payload: payload as unknown as NonNullable<Frame["payload"]>,
    ...(last.telemetry === undefined ? {} : { telemetry: last.telemetry }),
  };
  return { t: "whole", frame, bytes: open.frameBytes };
}
