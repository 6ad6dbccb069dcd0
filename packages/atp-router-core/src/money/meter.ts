import type { Ms } from "../model/index.js";

/** Output that may be on its way when a call is cancelled: that of this long, and at least so many tokens (A7.2). */
const SLACK_WINDOW_MS = 250;
export const MIN_SLACK_TOKENS = 16;
/** Parts of the window; what is older than the window and one part is forgotten. */
const PARTS = 5;
const PART_MS = SLACK_WINDOW_MS / PARTS;

/** How fast a call puts out tokens: plain data, one slot for each 50 ms. */
export interface OutputMeter {
  /** Tokens by slot, a ring; the newest is at `slot % length`. */
  readonly tokens: number[];
  /** Number of the newest slot since the meter began. */
  slot: number;
}

/** A meter that has seen nothing. */
export function newMeter(at: Ms): OutputMeter {
  return { tokens: new Array<number>(PARTS + 1).fill(0), slot: Math.floor(at / PART_MS) };
}

function turn(m: OutputMeter, at: Ms): void {
  const now = Math.floor(at / PART_MS);
  const { length } = m.tokens;
  if (now - m.slot >= length) m.tokens.fill(0);
  else for (let slot = m.slot + 1; slot <= now; slot++) m.tokens[slot % length] = 0;
  m.slot = Math.max(m.slot, now);
}

/** Counts output. `at` never goes back. */
export function meterOutput(m: OutputMeter, tokens: number, at: Ms): void {
  turn(m, at);
  const i = m.slot % m.tokens.length;
  m.tokens[i] = (m.tokens[i] ?? 0) + tokens;
}

/** Tokens that may be on their way: the output of at least the last 250 ms, and never under 16. */
export function slackOf(m: OutputMeter, at: Ms): number {
  turn(m, at);
  return Math.max(
    MIN_SLACK_TOKENS,
    m.tokens.reduce((sum, n) => sum + n, 0),
  );
}
