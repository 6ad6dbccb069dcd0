import { closeAction, closeCodes } from "../frame/close-codes.js";
import { cut } from "./resume-client.js";
import { numberQueue } from "./sender.js";
import type { State, Stream } from "./state.js";
import { arm } from "./timer.js";

/** The socket is gone. With `resume` the session waits for another one; without it, it dies with its socket (A2.4, A9.2). */
export function onClosed(s: State, code: number, reason: string): void {
  const wasOpen = s.phase !== "idle";
  s.phase = "idle";
  s.held = [];
  s.heldBytes = 0;
  s.controls = [];
  s.waiting = [];
  s.full = false;
  s.buffered = 0;
  s.paused = 0;
  s.helloBy = null;
  s.terminateAt = null;
  s.fragmentsOpen = 0;
  for (const stream of s.streams.values()) loseSocket(stream);
  // What waited to be numbered goes into the replay buffer (A9.2).
  if (s.router && s.capabilities.resume) for (const stream of s.streams.values()) numberQueue(s, stream);
  if (s.capabilities.resume && (s.router || mayResume(s, code))) {
    if (!wasOpen) return;
    s.detachedAt ??= s.at;
    arm(s, s.detachedAt + s.limits.retention_ms);
    for (const stream of s.streams.values())
      if (!stream.ended && !stream.finished) s.fx.push({ t: "stream.detached", stream: stream.ref });
    return;
  }
  if (s.router) dropStreams(s);
  else for (const stream of [...s.streams.values()]) if (isLost(s, stream)) cut(s, stream, code, reason);
}

function loseSocket(stream: Stream): void {
  stream.waiting = false;
  stream.deficit = 0;
  stream.sentParts = 0;
  stream.controls = [];
  stream.reassembly = null;
  stream.full = false;
  stream.starvedAt = null;
  stream.unfed = false;
}

function mayResume(s: State, code: number): boolean {
  const action = closeAction(code);
  return !s.finished && action !== "fatal" && action !== "new_session" && code !== closeCodes.superseded;
}

/** A SYN that never left may still go on the next socket, unless the client is done or sends no HELLO. */
function isLost(s: State, stream: Stream): boolean {
  return s.finished || s.naive || stream.sentSeq >= stream.first;
}

function dropStreams(s: State): void {
  for (const stream of s.streams.values())
    if (!stream.ended) s.fx.push({ t: "stream.detached", stream: stream.ref });
    else s.streams.delete(stream.ref);
}
