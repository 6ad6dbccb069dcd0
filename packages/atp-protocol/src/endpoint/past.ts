import type { RouterState as State } from "./router-state.js";
import type { StreamRef } from "./types.js";

/** Ids of ended streams that are remembered at least (A5.3). */
const MIN_PAST = 4_096;
/** Remembers an ended id for `retention_ms`, and at least the last 4,096 of them (A5.3). */
export function remember(s: State, ref: StreamRef, fedBack = false): void {
  const past = (s.past ??= new Map());
  past.set(ref, { endedAt: s.at, fedBack });
  if (past.size <= MIN_PAST) return;
  for (const [oldest, { endedAt }] of past) {
    if (past.size <= MIN_PAST || s.at - endedAt < s.limits.retention_ms) return;
    past.delete(oldest);
  }
}
