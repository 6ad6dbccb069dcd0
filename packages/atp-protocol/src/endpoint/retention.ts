import type { State } from "./state.js";
import { remember } from "./syn.js";
import { arm } from "./timer.js";

/** Forgets ended streams after `retention_ms`, and a session that nobody resumed (A9.2). */
export function tickRetention(s: State): void {
  const retentionMs = s.limits.retention_ms;
  for (const stream of s.streams.values()) {
    if (!stream.ended || !s.router) continue;
    if (s.at >= stream.endedAt + retentionMs) {
      s.streams.delete(stream.ref);
      remember(s, stream.ref, stream.fedBack);
    } else arm(s, stream.endedAt + retentionMs);
  }
}
