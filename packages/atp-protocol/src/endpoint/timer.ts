import type { State } from "./state.js";

/**
 * Asks the host's one timer to fire at `at` or before. A later deadline than the one set needs nothing: when the timer
 * fires, the next deadline is found anew. So a busy stream never touches the timer.
 */
export function arm(s: State, at: number): void {
  if (s.timerAt !== null && s.timerAt <= at) return;
  s.timerAt = at;
  s.fx.push({ t: "timer", at });
}

/** Whether a deadline is here; one that is not is asked for. */
export function isDue(s: State, at: number): boolean {
  if (s.at >= at) return true;
  arm(s, at);
  return false;
}
