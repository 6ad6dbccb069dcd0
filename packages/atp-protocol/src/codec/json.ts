import type { FrameRefusal } from "../endpoint/types.js";
import type { Frame } from "../frame/frame.js";
import { checkEnvelope, refuse } from "./envelope.js";
import { beforeTooDeep, hazardOf, TOO_DEEP } from "./hazards.js";
import { utf8Length } from "./text.js";

/** What a decoder says of one message of the socket. */
export type Decoded =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly refusal: FrameRefusal };

/** The bound of {@link decodeFrame}, in bytes. A client that announced no `fragments` sets it to `max_message_bytes`. */
export interface DecodeLimits {
  readonly max_frame_bytes: number;
}

const no = (refusal: FrameRefusal): Decoded => ({ ok: false, refusal });

/**
 * Decodes and checks one JSON frame by all of A3: size, JSON, types and ranges of the envelope, mixes of flags, depth,
 * forbidden keys, surrogates. `payload.content` is checked by its type's schema, not here.
 * @returns the frame as parsed, or a refusal with the rule broken. Never throws.
 */
export function decodeFrame(text: string, limits: DecodeLimits): Decoded {
  // A text has at most three bytes for each of its units: most need no count.
  if (text.length * 3 > limits.max_frame_bytes) {
    const bytes = utf8Length(text);
    if (bytes > limits.max_frame_bytes) return no(tooBig(bytes, limits.max_frame_bytes));
  }
  // What begins no object is not worth parsing: a text of many little arrays takes long.
  if (text.charCodeAt(0) !== 0x7b && !/^\s*{/.test(text)) return no(refuse(null, "A3", "a frame is a JSON object"));
  const tooDeep = beforeTooDeep(text);
  let frame: unknown;
  try {
    frame = JSON.parse(tooDeep ?? text);
  } catch {
    return no(refuse(null, "A3", "not JSON"));
  }
  const refusal = tooDeep === null ? checkEnvelope(frame) : null;
  if (refusal !== null) return no(refusal);
  const hazard = tooDeep === null ? hazardOf(text, frame) : TOO_DEEP;
  return hazard === null ? { ok: true, frame: frame as Frame } : no(refuse(frame, "A3.3", `${hazard} is not allowed`));
}

/** The refusal of a frame that is not parsed because of its size (A3.4). A client matches it by `details.bytes`. */
export function tooBig(bytes: number, limit: number): FrameRefusal {
  return refuse(null, "A3.4", `a frame of ${bytes} bytes is over ${limit}`, { bytes, limit }, "ETOOBIG");
}

/** A pair of backslashes, or the escape of a lone surrogate: `JSON.stringify` writes no other escape of a surrogate. */
const surrogateEscape = /\\\\|\\ud[89a-f][0-9a-f]{2}/g;

/** Encodes a frame as JSON. A lone surrogate becomes U+FFFD, so that the peer never refuses the frame for it. */
export function encodeFrame(frame: Frame): string {
  return withoutHalves(JSON.stringify(frame));
}

/** A text of `JSON.stringify` with U+FFFD for each half of a surrogate pair. */
export function withoutHalves(text: string): string {
  return text.includes("\\ud")
    ? text.replace(surrogateEscape, (found) => (found === "\\\\" ? found : "\\ufffd"))
    : text;
}
