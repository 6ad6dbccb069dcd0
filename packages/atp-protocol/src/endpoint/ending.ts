import type { ErrorContent } from "../frame/errors.js";
import type { Frame } from "../frame/frame.js";
import { payloadTypes } from "../frame/payload.js";
import { NOTHING_SPENT } from "./failure.js";
import { hasWork } from "./outbox.js";
import { remember } from "./past.js";
import { markFailed } from "./router-failure.js";
import { sendCtrl, sendItem } from "./router-sender.js";
import { END_FLAGS, type RouterState as State, type RouterStream as Stream } from "./router-state.js";
import { arm } from "./timer.js";

/** Answers on an open stream with an error that ends nothing: the frame was dropped (A3.6). */
export function streamError(s: State, stream: Stream, error: ErrorContent): void {
  sendCtrl(s, stream, { type: payloadTypes.error, content: error });
  s.fx.push({ t: "violation", error, stream: stream.ref });
}

/**
 * The stream cannot go on. The host stops its work and ends it, so that what was spent is settled and told; a stream
 * that the host has not seen is ended here.
 */
export function failStream(s: State, stream: Stream, error: ErrorContent): void {
  if (stream.opened) {
    markFailed(s, stream, error);
    return;
  }
  if (stream.ended) return;
  stream.error = error;
  s.fx.push({ t: "violation", error, stream: stream.ref });
  endStream(s, stream, "RST", undefined, undefined);
}

/** Router: queues the one end of a stream. */
export function endStream(
  s: State,
  stream: Stream,
  flag: "FIN" | "RST",
  payload: Frame["payload"],
  telemetry: Frame["telemetry"],
): void {
  if (stream.ended) return;
  stream.ended = true;
  stream.endedAt = s.at;
  stream.reassembly = null;
  s.open--;
  const failed = stream.error;
  sendItem(s, stream, {
    flags: END_FLAGS[failed === null ? flag : "RST"],
    payload: failed === null ? payload : { type: payloadTypes.error, content: failed },
    more: { telemetry: telemetry ?? NOTHING_SPENT },
    end: true,
  });
}

/** Router: forgets a stream whose end has left, or keeps it for a resume (A9.2). */
export function settleEnded(s: State, stream: Stream): void {
  if (!stream.ended || (hasWork(stream) && (s.phase !== "idle" || s.capabilities.resume))) return;
  if (s.capabilities.resume && stream.kept.length > 0) {
    arm(s, stream.endedAt + s.limits.retention_ms);
    return;
  }
  s.streams.delete(stream.ref);
  remember(s, stream.ref, stream.fedBack);
}
