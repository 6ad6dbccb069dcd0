import { closeCodes } from "../frame/close-codes.js";
import { relieve, sendAck } from "./credit.js";
import { numberQueue } from "./sender.js";
import { endDrain } from "./command-router.js";
import { failStream, errorOf } from "./failure.js";
import { onNoHello } from "./greeting.js";
import { tickLiveness, tickRate, TERMINATE_MS } from "./liveness.js";
import { close, hasWork, STALL_MS } from "./outbox.js";
import { REASSEMBLY_IDLE_MS } from "./reassembly.js";
import type { State, Stream } from "./state.js";
import { remember } from "./syn.js";
import { arm } from "./timer.js";
import { tickRetention } from "./retention.js";

/** Does what is due and asks for the next deadline. */
export function onTimer(s: State): void {
  s.timerAt = null;
  if (s.phase === "closing") {
    if (s.terminateAt !== null && s.at >= s.terminateAt) {
      s.terminateAt = null;
      s.fx.push({ t: "terminate" });
    } else if (s.terminateAt !== null) arm(s, s.terminateAt);
    return;
  }
  if (s.helloBy !== null && s.phase === "opening") {
    if (s.at >= s.helloBy) onNoHello(s);
    else arm(s, s.helloBy);
  }
  tickLiveness(s);
  tickRate(s);
  tickStall(s);
  if (s.drainBy !== null) {
    if (s.at >= s.drainBy) endDrain(s);
    else arm(s, s.drainBy);
  }
  for (const stream of s.streams.values()) tickStream(s, stream);
  tickRetention(s);
  closeWhenDrained(s);
}

/** A peer that reads nothing for 30 s is given 4108 and destroyed a second later (A8.4). */
function tickStall(s: State): void {
  if (!s.full || s.phase === "idle") return;
  if (s.at >= s.stalledAt + STALL_MS) close(s, closeCodes.slowReader, "no drain for 30 s", TERMINATE_MS);
  else arm(s, s.stalledAt + STALL_MS);
}

function tickStream(s: State, stream: Stream): void {
  if (stream.ackAt !== null) {
    if (s.at >= stream.ackAt) sendAck(s, stream);
    else arm(s, stream.ackAt);
  }
  const open = stream.reassembly;
  if (open !== null) {
    if (s.at >= open.lastAt + REASSEMBLY_IDLE_MS) {
      stream.reassembly = null;
      const error = errorOf("EPROTO", "A6", "the rest of a message in fragments did not come", {}, "maybe");
      if (s.router) failStream(s, stream, error);
      else close(s, closeCodes.gap, error.message);
    } else arm(s, open.lastAt + REASSEMBLY_IDLE_MS);
  }
  if (stream.starvedAt !== null && !stream.unfed) {
    if (s.at >= stream.starvedAt + STALL_MS) {
      if (s.capabilities.resume) countAsDetached(s, stream);
    } else arm(s, stream.starvedAt + STALL_MS);
  }
}

/** Without credit for 30 s the call runs on into the replay buffer (A8.3). */
function countAsDetached(s: State, stream: Stream): void {
  stream.unfed = true;
  numberQueue(s, stream);
  relieve(s, stream);
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

/** Router: closes a draining socket once its last stream has ended and nothing waits (A9.6). */
export function closeWhenDrained(s: State): void {
  if (!s.draining || s.phase !== "open" || s.open > 0) return;
  if (s.controls.length > 0 || s.waiting.some(hasWork)) return;
  close(s, closeCodes.goingAway, "drained");
}
