import { payloadTypes } from "../frame/payload.js";
import { endStream, errorOf } from "./failure.js";
import { onGranted, onRefused } from "./greeting.js";
import { flush } from "./outbox.js";
import { onAttach } from "./resume-router.js";
import { sendAccept, sendConnectionCtrl } from "./sender.js";
import { INITIAL_CREDIT, type State } from "./state.js";
import { closeWhenDrained, settleEnded } from "./tick.js";
import { arm } from "./timer.js";
import type { EndpointEvent } from "./types.js";

/** Router: a command of its host. */
export function commandRouter(s: State, event: EndpointEvent): void {
  switch (event.t) {
    case "hello.granted":
      onGranted(s, event.grant);
      return;
    case "session.attach":
      onAttach(s, event.hello, event.grant, event.shownTokenId);
      return;
    case "hello.refused":
      onRefused(s, event.error, event.closeCode);
      return;
    case "stream.accept": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended || stream.accept !== null) return;
      const credit = s.capabilities.credit ? { credit: stream.credit ?? INITIAL_CREDIT } : {};
      const content = { qos: event.qos, window: event.window, ...credit, ack: stream.first };
      stream.accept = { type: payloadTypes.accept, content };
      sendAccept(s, stream);
      return;
    }
    case "stream.end": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended) return;
      endStream(s, stream, event.flag, event.payload, event.telemetry);
      settleEnded(s, stream);
      closeWhenDrained(s);
      return;
    }
    case "stream.status":
      if (s.phase === "open") sendConnectionCtrl(s, { type: payloadTypes.status, content: event.content });
      return;
    case "drain":
      drain(s, event.resumeUrl);
      return;
    default:
  }
}

/** Says so, refuses new SYNs, gives open streams `drain_ms`, closes with 4000 when the last has ended (A9.6). */
function drain(s: State, resumeUrl: string | undefined): void {
  if (s.draining || s.phase === "idle" || s.phase === "closing") return;
  s.draining = true;
  s.resumeUrl = resumeUrl;
  s.drainBy = s.at + s.limits.drain_ms;
  arm(s, s.drainBy);
  const content = {
    state: "DRAINING",
    drain_ms: s.limits.drain_ms,
    ...(resumeUrl === undefined ? {} : { resume_url: resumeUrl }),
  };
  if (s.phase === "open") sendConnectionCtrl(s, { type: payloadTypes.status, content });
  flush(s);
  closeWhenDrained(s);
}

/** Router: `drain_ms` is over. What cannot move ends, settled by its host (A9.6). */
export function endDrain(s: State): void {
  s.drainBy = null;
  const error = errorOf("EDRAINING", "A9.6", "this router has shut down: ask another one", {}, "maybe");
  for (const stream of s.streams.values()) {
    if (stream.ended || stream.error !== null) continue;
    stream.error = error;
    stream.cancelled = true;
    s.fx.push({ t: "stream.cancelled", stream: stream.ref, reason: error.code, error });
  }
}
