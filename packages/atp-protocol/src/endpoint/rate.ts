import { close } from "./outbox.js";
import { pause, PAUSED_BY_RATE, unpause } from "./pausing.js";
import { closeCodes } from "../frame/close-codes.js";
import type { RouterState } from "./router-state.js";
import { arm } from "./timer.js";

/** How long a socket may exceed its rate before it is closed (A9.5). */
const OVER_RATE_MS = 60_000;

/** Router: a frame was read; past the announced rate reading pauses until the bucket has filled again (A9.5). */
export function spendFrame(s: RouterState): void {
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
function rateResumesAt(s: RouterState): number {
  const perS = s.limits.frames_per_s;
  return s.tokensAt + Math.ceil(((perS / 20 - s.tokens) * 1_000) / perS);
}

/** Reads on, or closes a socket that was over its rate for a minute on end. */
export function tickRate(s: RouterState): void {
  if ((s.paused & PAUSED_BY_RATE) === 0) return;
  if (s.overSince !== null && s.at - s.overSince >= OVER_RATE_MS) {
    close(s, closeCodes.rate, `over ${s.limits.frames_per_s} frames a second`);
    return;
  }
  const resumesAt = rateResumesAt(s);
  if (s.at < resumesAt) arm(s, Math.min(resumesAt, (s.overSince ?? s.at) + OVER_RATE_MS));
  else unpause(s, PAUSED_BY_RATE);
}
