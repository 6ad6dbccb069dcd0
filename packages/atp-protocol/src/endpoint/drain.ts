import { CLOSE_GOING_AWAY } from "../frame/close-codes.js";
import { payloadTypes } from "../frame/payload.js";
import { close, hasWork } from "./outbox.js";
import { routerError } from "./router-error.js";
import { sendConnectionCtrl } from "./sender.js";
import type { RouterState as State } from "./router-state.js";
import { arm } from "./timer.js";

/** Says so, refuses new SYNs, gives open streams `drain_ms`, closes with 4000 when the last has ended (A9.6). */
export function drain(s: State, resumeUrl: string | undefined): void {
  if (s.draining || s.phase === "idle" || s.phase === "closing") return;
  s.draining = true;
  s.resumeUrl = resumeUrl;
  s.drainBy = s.at + s.limits.drain_ms;
  arm(s, s.drainBy);
  if (s.phase === "open") tellDraining(s);
  closeWhenDrained(s);
}

/** Tells the client how long its streams have, and where to go. */
export function tellDraining(s: State): void {
  const content = {
    state: "DRAINING",
    drain_ms: Math.max(0, (s.drainBy ?? s.at) - s.at),
    ...(s.resumeUrl === undefined ? {} : { resume_url: s.resumeUrl }),
  };
  sendConnectionCtrl(s, { type: payloadTypes.status, content });
}

/** Router: `drain_ms` is over. What cannot move ends, settled by its host (A9.6). */
export function endDrain(s: State): void {
  s.drainBy = null;
  const error = routerError("EDRAINING", "A9.6", "this router has shut down: ask another one", {}, "maybe");
  for (const stream of s.streams.values()) {
    if (stream.ended || stream.error !== null) continue;
    stream.error = error;
    stream.cancelled = true;
    s.fx.push({ t: "stream.cancelled", stream: stream.ref, reason: error.code, error });
  }
}

/** Router: closes a draining socket once its last stream has ended and nothing waits (A9.6). */
export function closeWhenDrained(s: State): void {
  if (!s.draining || s.phase !== "open" || s.open > 0) return;
  if (s.controls.length > 0 || s.waiting.some(hasWork)) return;
  close(s, CLOSE_GOING_AWAY, "drained");
}
