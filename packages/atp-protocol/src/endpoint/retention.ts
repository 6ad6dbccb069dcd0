import type { State } from "./state.js";
import { remember } from "./past.js";
import { cut } from "./resume-client.js";
import { closeCodes } from "../frame/close-codes.js";
import { arm } from "./timer.js";

/** Forgets ended streams after `retention_ms`, and a session that nobody resumed (A9.2). */
export function tickRetention(s: State): void {
  const retentionMs = s.limits.retention_ms;
  if (s.phase === "idle" && s.detachedAt !== null) {
    if (s.at >= s.detachedAt + retentionMs) forgetSession(s);
    else arm(s, s.detachedAt + retentionMs);
  }
  for (const stream of s.streams.values()) {
    if (!(stream.ended || stream.finished) || s.phase === "idle") continue;
    if (s.at >= stream.endedAt + retentionMs) {
      s.streams.delete(stream.ref);
      if (s.router) remember(s, stream.ref, stream.fedBack);
    } else arm(s, stream.endedAt + retentionMs);
  }
}

/** Nobody came back: open streams are cancelled and settled by their host, and no token is good any more (A9.2). */
function forgetSession(s: State): void {
  s.detachedAt = null;
  s.capabilities = { resume: false, credit: false, fragments: false };
  s.resumeToken = undefined;
  s.epoch = undefined;
  if (!s.router) {
    for (const stream of [...s.streams.values()])
      if (stream.sentSeq >= stream.first) cut(s, stream, closeCodes.tryLater, "the session was not resumed in time");
    return;
  }
  for (const stream of [...s.streams.values()]) {
    stream.kept = [];
    stream.keptBytes = 0;
    if (stream.ended) {
      s.streams.delete(stream.ref);
      continue;
    }
    stream.cancelled = true;
    s.fx.push({ t: "stream.cancelled", stream: stream.ref, reason: "not resumed in time" });
  }
  s.tokenIds = [];
  s.fx.push({ t: "tokens", valid: s.tokenIds });
}
