import { closeCodes } from "../frame/close-codes.js";
import { sendAck } from "./credit.js";
import { relieve } from "./starving.js";
import { numberQueue } from "./sender.js";
import { closeWhenDrained, endDrain } from "./drain.js";
import { failStream } from "./ending.js";
import { errorOf } from "./failure.js";
import { onNoHello } from "./greeting.js";
import { tickLiveness, tickRate, TERMINATE_MS } from "./liveness.js";
import { close, STALL_MS } from "./outbox.js";
import { REASSEMBLY_IDLE_MS } from "./reassembly.js";
import type { State, Stream } from "./state.js";
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
