import type { ErrorContent } from "../frame/errors.js";
import { connectionFrame, sendFrame } from "./outbox.js";
import type { RouterState } from "./router-state.js";

/** Control frames that may wait for a full socket before its reading pauses: a peer that reads nothing is not read. */
const CONTROL_BACKLOG = 256;

/** Reasons for which reading is off. */
export const PAUSED_BY_RATE = 1;
const PAUSED_BY_BACKLOG = 2;
export const PAUSED_BY_GREETING = 4;

/** Stops reading for one more reason. */
export function pause(s: RouterState, reason: number): void {
  if (s.paused === 0) s.fx.push({ t: "reading", on: false });
  s.paused |= reason;
}

/** Takes one reason back; reads on when none is left. */
export function unpause(s: RouterState, reason: number): void {
  if ((s.paused & reason) === 0) return;
  s.paused &= ~reason;
  if (s.paused === 0) s.fx.push({ t: "reading", on: true });
}

/** Holds reading to what waits to be answered. */
export function watchBacklog(s: RouterState): void {
  if (s.controls.length > CONTROL_BACKLOG) pause(s, PAUSED_BY_BACKLOG);
  else unpause(s, PAUSED_BY_BACKLOG);
}

/** Sends an error that ends nothing on the connection's own stream, and tells the host. */
export function connectionError(s: RouterState, error: ErrorContent, sessionId?: string): void {
  sendFrame(s, connectionFrame(s, "CTRL", { type: "error", content: error }, sessionId));
  s.fx.push({ t: "violation", error, stream: null });
}
