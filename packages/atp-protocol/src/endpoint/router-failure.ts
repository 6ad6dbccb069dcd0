import type { ErrorContent } from "../frame/errors.js";
import type { Frame } from "../frame/frame.js";
import { CLOSE_PROTOCOL } from "../frame/close-codes.js";
import { NOTHING_SPENT } from "./failure.js";
import { close, sendFrame } from "./outbox.js";
import { routerError } from "./router-error.js";
import { END_FLAGS, type RouterState, type RouterStream } from "./router-state.js";
import type { FrameRefusal } from "./types.js";

/** The error content of a frame that was refused before it came here. */
export function refusalError(refusal: FrameRefusal): ErrorContent {
  return routerError(refusal.code, refusal.rule, refusal.message, refusal.details);
}

/** Refuses a SYN that opened nothing: RST under the number after the SYN's (A3.6). */
export function refuseSyn(
  s: RouterState,
  sessionId: string,
  streamId: string,
  msgSeq: number,
  ttl: number,
  error: ErrorContent,
): void {
  const frame: Frame = {
    v: 1,
    session_id: sessionId,
    stream_id: streamId,
    msg_seq: msgSeq,
    flags: END_FLAGS.RST,
    ttl: Math.max(0, ttl - 1),
    payload: { type: "error", content: error },
    telemetry: NOTHING_SPENT,
  };
  sendFrame(s, frame);
  s.fx.push({ t: "violation", error, stream: null });
}

/** The host stops the stream's work and ends it, so that what was spent is settled and told; the end carries this error. */
export function markFailed(s: RouterState, stream: RouterStream, error: ErrorContent): void {
  if (stream.ended || stream.error !== null) return;
  stream.error = error;
  stream.cancelled = true;
  s.fx.push({ t: "violation", error, stream: stream.ref });
  s.fx.push({ t: "stream.cancelled", stream: stream.ref, reason: error.code, error });
}

/** Counts a protocol error; the sixteenth within a minute closes the socket (A12). */
export function countProtocolError(s: RouterState): void {
  const errors = (s.protocolErrors ??= []);
  errors.push(s.at);
  while (errors.length > 0 && (errors[0] as number) <= s.at - 60_000) errors.shift();
  if (errors.length >= s.limits.protocol_errors_per_min) {
    close(s, CLOSE_PROTOCOL, "too many protocol errors");
  }
}
