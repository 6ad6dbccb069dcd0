import type { State } from "./state.js";
import { arm } from "./timer.js";

/** The socket is gone. With `resume` the session waits for another one; without it, it dies with its socket (A2.4, A9.2). */
export function onClosed(s: State, code: number, reason: string): void {
  const wasOpen = s.phase !== "idle";
  s.phase = "idle";
  s.controls = [];
  s.waiting = [];
  s.full = false;
  s.buffered = 0;
  s.fragmentsOpen = 0;
  for (const stream of s.streams.values()) {
    stream.waiting = false;
    stream.deficit = 0;
    stream.sentParts = 0;
    stream.controls = [];
    stream.reassembly = null;
  }
  s.role.closed(s, code, reason, wasOpen);
}

/** The session waits for another socket. */
export function waitForResume(s: State): void {
  s.detachedAt ??= s.at;
  arm(s, s.detachedAt + s.limits.retention_ms);
  for (const stream of s.streams.values()) if (!stream.ended) s.fx.push({ t: "stream.detached", stream: stream.ref });
}
