import { CLOSE_SLOW_READER } from "../frame/close-codes.js";
import { sendAck } from "./credit.js";
import { tickLiveness, TERMINATE_MS } from "./liveness.js";
import { close, FRAGMENT_IDLE_MS, STALL_MS } from "./outbox.js";
import { tickRetention } from "./retention.js";
import type { State } from "./state.js";
import { isDue } from "./timer.js";

/** Does what is due and asks for the next deadline. */
export function onTimer(s: State): void {
  s.timerAt = null;
  if (s.phase === "closing") {
    // The host destroys the socket, which ends this phase: it is asked once.
    if (s.terminateAt !== Infinity && isDue(s, s.terminateAt)) {
      s.terminateAt = Infinity;
      s.fx.push({ t: "terminate" });
    }
    return;
  }
  tickLiveness(s);
  // A peer that reads nothing for 30 s is given 4108 and destroyed a second later (A8.4).
  if (s.full && s.phase !== "idle" && isDue(s, s.stalledAt + STALL_MS))
    close(s, CLOSE_SLOW_READER, "no drain for 30 s", TERMINATE_MS);
  s.role.tick?.(s);
  for (const stream of s.streams.values()) {
    if (stream.ackAt !== null && isDue(s, stream.ackAt)) sendAck(s, stream);
    if (stream.reassembly !== null && isDue(s, stream.reassembly.lastAt + FRAGMENT_IDLE_MS)) {
      stream.reassembly = null;
      s.role.lostRest(s, stream);
    }
  }
  tickRetention(s);
}
