/** What a close code tells the client to do next; bands, so that unknown codes still work (A12). */
export type CloseAction =
  | "done"
  | "resume_now"
  | "resume_backoff"
  | "new_session"
  | "reauth"
  | "fatal"
  | "backoff_limited";

/** WebSocket close codes of ATP (A12). */
export const closeCodes = {
  done: 1000,
  invalidUtf8: 1007,
  socketFrameTooBig: 1009,
  /** The router drains: resume on another one. */
  goingAway: 4000,
  overloaded: 4100,
  /** The peer's numbers have a gap. */
  gap: 4102,
  heartbeat: 4104,
  slowReader: 4108,
  rate: 4129,
  tokenExpired: 4301,
  protocol: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  version: 4406,
  noHello: 4408,
  superseded: 4409,
  secondHello: 4429,
  tryLater: 4500,
} as const;

const resumable1xxx = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014]);

/** The client's next step for a close code, by its band. */
export function closeAction(code: number): CloseAction {
  if (code === 1000) return "done";
  if (code < 3000) return resumable1xxx.has(code) ? "resume_backoff" : "fatal";
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
