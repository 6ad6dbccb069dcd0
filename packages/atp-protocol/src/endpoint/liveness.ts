import { closeCodes } from "../frame/close-codes.js";
import { close, connectionFrame, pause, PAUSED_BY_RATE, sendFrame, unpause } from "./outbox.js";
import type { State } from "./state.js";
import { arm } from "./timer.js";

/** How long a socket may exceed its rate before it is closed (A9.5). */
const OVER_RATE_MS = 60_000;

/** How long a dead or slow peer has between the close and the destruction of its socket (A12). */
export const TERMINATE_MS = 1_000;

/** Milliseconds that a new connection has for its first frame (A2.2). */
export const HELLO_MS = 10_000;

/** Any frame or pong is life (A9.1). */
export function onLife(s: State): void {
  s.lastHeardAt = s.at;
}

/** Begins to watch a socket: with HELLO by heartbeats of both sides, without it by the router's pings only. */
export function armLiveness(s: State): void {
  if (s.naive && !s.router) return;
  arm(s, s.at + s.limits.heartbeat_ms);
}

/** What is due, and the next deadline. */
export function tickLiveness(s: State): void {
  if (s.phase === "idle" || s.phase === "closing" || s.phase === "opening" || (s.naive && !s.router)) return;
  const deadAt = s.lastHeardAt + s.limits.max_idle_ms;
  if (s.at >= deadAt) {
    close(s, closeCodes.heartbeat, "nothing heard", TERMINATE_MS);
    return;
  }
  arm(s, deadAt);
  if (s.naive) tickPing(s);
  else tickHeartbeat(s);
}

function tickPing(s: State): void {
  const pingAt = Math.max(s.lastHeardAt, s.pingedAt) + s.limits.heartbeat_ms;
  if (s.at < pingAt) {
    arm(s, pingAt);
    return;
  }
  s.pingedAt = s.at;
  s.fx.push({ t: "ping" });
  arm(s, s.at + s.limits.heartbeat_ms);
}

function tickHeartbeat(s: State): void {
  const beatAt = s.lastSentAt + s.limits.heartbeat_ms;
  if (s.at < beatAt) {
    arm(s, beatAt);
    return;
  }
  sendHeartbeat(s);
  arm(s, s.at + s.limits.heartbeat_ms);
}

/** HB on the connection's own stream, without payload (A9.1). */
export function sendHeartbeat(s: State): void {
  // It would tell the router that its welcome came, and the token that the client still has would die (A9.3).
  if (s.phase === "greeting") return;
  sendFrame(s, connectionFrame(s, "HB"));
}

/** Router: a frame was read; past the announced rate reading pauses until the bucket has filled again (A9.5). */
export function spendFrame(s: State): void {
  const perS = s.limits.frames_per_s;
  const burst = perS * 2;
  s.tokens = Math.min(burst, s.tokens + ((s.at - s.tokensAt) * perS) / 1_000) - 1;
  s.tokensAt = s.at;
  if (s.tokens >= 0) {
    // Only a socket that had room to spare is no longer over its rate.
    if (s.overSince !== null && s.tokens >= perS) s.overSince = null;
    return;
  }
  s.overSince ??= s.at;
  pause(s, PAUSED_BY_RATE);
  arm(s, Math.min(rateResumesAt(s), s.overSince + OVER_RATE_MS));
}

/** When a twentieth of a second's frames is free again: fine enough to cost no throughput, coarse enough for a timer. */
function rateResumesAt(s: State): number {
  const perS = s.limits.frames_per_s;
  return s.tokensAt + Math.ceil(((perS / 20 - s.tokens) * 1_000) / perS);
}

/** Reads on, or closes a socket that was over its rate for a minute on end. */
export function tickRate(s: State): void {
  if ((s.paused & PAUSED_BY_RATE) === 0) return;
  if (s.overSince !== null && s.at - s.overSince >= OVER_RATE_MS) {
    close(s, closeCodes.rate, `over ${s.limits.frames_per_s} frames a second`);
    return;
  }
  const resumesAt = rateResumesAt(s);
  if (s.at < resumesAt) arm(s, Math.min(resumesAt, (s.overSince ?? s.at) + OVER_RATE_MS));
  else unpause(s, PAUSED_BY_RATE);
}
