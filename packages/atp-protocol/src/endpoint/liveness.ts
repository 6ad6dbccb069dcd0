import { CLOSE_HEARTBEAT } from "../frame/close-codes.js";
import { close, connectionFrame, sendFrame } from "./outbox.js";
import type { State } from "./state.js";
import { arm, isDue } from "./timer.js";

/** How long a dead or slow peer has between the close and the destruction of its socket (A12). */
export const TERMINATE_MS = 1_000;

/** Begins to watch a socket: with HELLO by heartbeats of both sides, without it by the router's pings only. Any frame or pong is life (A9.1). */
export function armLiveness(s: State): void {
  if (s.router || !s.naive) arm(s, s.at + s.limits.heartbeat_ms);
}

/** What is due, and the next deadline. */
export function tickLiveness(s: State): void {
  if (s.phase === "idle" || s.phase === "closing" || s.phase === "opening" || (s.naive && !s.router)) return;
  if (isDue(s, s.lastHeardAt + s.limits.max_idle_ms)) {
    close(s, CLOSE_HEARTBEAT, "nothing heard", TERMINATE_MS);
    return;
  }
  if (s.naive) s.role.ping?.(s);
  else if (isDue(s, s.lastSentAt + s.limits.heartbeat_ms)) {
    sendHeartbeat(s);
    arm(s, s.at + s.limits.heartbeat_ms);
  }
}

/** HB on the connection's own stream, without payload (A9.1). */
export function sendHeartbeat(s: State): void {
  // While greeting it would tell the router that its welcome came, and the token that the client still has would die (A9.3).
  if (s.phase !== "greeting") sendFrame(s, connectionFrame(s, "HB"));
}
