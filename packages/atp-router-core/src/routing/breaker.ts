import type { Failure, Ms } from "../model/index.js";

/** Failed calls in a row that open a breaker. */
const FAILED_IN_A_ROW = 5;
/** Or this share of at least so many calls within the window. */
const FAILED_SHARE = 0.5;
const MIN_CALLS = 20;
const WINDOW_MS = 10_000;
/** How long a breaker stays open, at first and at most; each time in a row twice as long. */
const OPEN_MS = 5_000;
const MAX_OPEN_MS = 60_000;

/**
 * A circuit breaker of one adapter, by consecutive failures and failure share as outlier detection in service meshes does.
 * After its time it is half open: the first call's outcome closes it, or opens it for twice as long.
 */
export interface Breaker {
  inARow: number;
  windowSince: Ms;
  calls: number;
  failures: number;
  /** Undefined while closed. */
  openUntil: Ms | undefined;
  openMs: Ms;
}

/** A closed breaker. */
export function closedBreaker(at: Ms): Breaker {
  return { inARow: 0, windowSince: at, calls: 0, failures: 0, openUntil: undefined, openMs: OPEN_MS };
}

/** Whether a failure says something of the adapter itself; a refusal, a full house or a cut does not. */
export function tellsOnAdapter({ kind }: Failure): boolean {
  return kind === "unavailable" || kind === "timeout" || kind === "protocol" || kind === "internal";
}

/** Whether calls may be sent. */
export function isOpen(b: Breaker, at: Ms): boolean {
  return b.openUntil !== undefined && at < b.openUntil;
}

/** Whether the next call is the trial that decides. */
export function isHalfOpen(b: Breaker, at: Ms): boolean {
  return b.openUntil !== undefined && at >= b.openUntil;
}

/** A call's outcome. True when the breaker opens by it. */
export function countCall(b: Breaker, failed: boolean, at: Ms): boolean {
  if (isOpen(b, at)) return false;
  if (isHalfOpen(b, at)) {
    if (failed) {
      open(b, at);
      return true;
    }
    Object.assign(b, closedBreaker(at));
    return false;
  }
  if (at - b.windowSince > WINDOW_MS) Object.assign(b, { windowSince: at, calls: 0, failures: 0 });
  b.calls++;
  if (!failed) {
    b.inARow = 0;
    return false;
  }
  b.failures++;
  b.inARow++;
  if (b.inARow < FAILED_IN_A_ROW && (b.calls < MIN_CALLS || b.failures / b.calls < FAILED_SHARE)) return false;
  open(b, at);
  return true;
}

function open(b: Breaker, at: Ms): void {
  b.openUntil = at + b.openMs;
  Object.assign(b, { openMs: Math.min(MAX_OPEN_MS, b.openMs * 2), inARow: 0, windowSince: at, calls: 0, failures: 0 });
}
