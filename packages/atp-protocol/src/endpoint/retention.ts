import { NONE, type State } from "./state.js";
import { isDue } from "./timer.js";

/** Forgets ended streams after `retention_ms`, and a session that nobody resumed (A9.2). */
export function tickRetention(s: State): void {
  const retentionMs = s.limits.retention_ms;
  if (s.phase === "idle") {
    if (s.detachedAt === null || !isDue(s, s.detachedAt + retentionMs)) return;
    s.detachedAt = null;
    s.capabilities = NONE;
    s.role.forget(s);
    return;
  }
  for (const stream of s.streams.values()) {
    if (!stream.ended || !isDue(s, stream.endedAt + retentionMs)) continue;
    s.streams.delete(stream.ref);
    s.role.forgetStream?.(s, stream);
  }
}
