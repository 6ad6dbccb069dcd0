/** What a close code tells the client to do next; bands, so that unknown codes still work (A12). */
export type CloseAction =
  | "done"
  | "resume_now"
  | "resume_backoff"
  | "new_session"
  | "reauth"
  | "fatal"
  | "backoff_limited";

// Those that an endpoint itself sends, each by its own name: a client's bundle takes what it uses.
/** The router drains: resume on another one. */
export const CLOSE_GOING_AWAY = 4000;
/** The peer's numbers have a gap. */
export const CLOSE_GAP = 4102;
export const CLOSE_HEARTBEAT = 4104;
export const CLOSE_SLOW_READER = 4108;
export const CLOSE_PROTOCOL = 4400;
export const CLOSE_TRY_LATER = 4500;

/** WebSocket close codes of ATP (A12). */
export const closeCodes = {
  done: 1000,
  invalidUtf8: 1007,
  socketFrameTooBig: 1009,
  /** The router drains: resume on another one. */
  goingAway: CLOSE_GOING_AWAY,
  overloaded: 4100,
  /** The peer's numbers have a gap. */
  gap: CLOSE_GAP,
  heartbeat: CLOSE_HEARTBEAT,
  slowReader: CLOSE_SLOW_READER,
  rate: 4129,
  tokenExpired: 4301,
  protocol: CLOSE_PROTOCOL,
  unauthenticated: 4401,
  forbidden: 4403,
  version: 4406,
  noHello: 4408,
  superseded: 4409,
  secondHello: 4429,
  tryLater: CLOSE_TRY_LATER,
} as const;

/** Bands after which a session may still be resumed: the socket failed, or it was closed with 40xx, 41xx, 43xx or 45xx. */
const resumable = /^(100[0156]|101[1-4]|4[0135]..)$/;

/** Whether a session may be resumed after this close code; {@link closeAction} says when. */
export function isResumable(code: number): boolean {
  return resumable.test(String(code));
}

/** The client's next step for a close code, by its band. */
export function closeAction(code: number): CloseAction {
  if (code === 1000) return "done";
  if (code < 3000) return isResumable(code) ? "resume_backoff" : "fatal";
  switch (Math.floor(code / 100)) {
    case 40:
      return "resume_now";
    case 41:
      return "resume_backoff";
    case 42:
      return "new_session";
    case 43:
      return "reauth";
    case 45:
      return "backoff_limited";
    default:
      return "fatal";
  }
}
