import { CONNECTION_STREAM, type Frame, type Payload } from "../frame/frame.js";
import type { State, Stream } from "./state.js";
import { arm } from "./timer.js";
import type { Encoded, EndpointEffect } from "./types.js";

/** Milliseconds without any drain, or any credit, after which a reader is too slow (A8.3, A8.4). */
export const STALL_MS = 30_000;

/** Longest silence within one message's fragments (A6). */
export const FRAGMENT_IDLE_MS = 30_000;

/** Whether messages of streams may go to the socket now. A client that resumes waits for its answer. */
export function canSend(s: State): boolean {
  return s.phase === "open" || (s.phase === "greeting" && !s.router && s.resumeToken === undefined);
}

/** Encodes a frame and puts it on the socket, if that has room. @returns its bytes, or 0. */
export function put(s: State, frame: Frame): number {
  const data = s.config.encode(frame);
  const bytes = s.config.sizeOf(data);
  if (!fits(s, bytes)) return 0;
  transmit(s, data, bytes);
  return bytes;
}

/** Puts encoded bytes on the socket. */
export function transmit(s: State, data: Encoded, bytes: number): void {
  s.buffered += bytes;
  s.lastSentAt = s.at;
  emit(s, { t: "transmit", data });
}

/** Adds the effect that a busy stream has in each step, mostly alone: a first push would make room for seventeen. */
export function emit(s: State, effect: EndpointEffect): void {
  if (s.fx.length === 0) s.fx = [effect];
  else s.fx.push(effect);
}

/** Whether the next frame leaves the socket under its high mark (A8.2); an empty socket takes any frame. */
export function fits(s: State, bytes: number): boolean {
  if (s.full) return false;
  if (s.buffered === 0 || s.buffered + bytes <= s.highMark) return true;
  s.full = true;
  s.stalledAt = s.at;
  s.fx.push({ t: "outbox.full", stream: null });
  arm(s, s.at + STALL_MS);
  return false;
}

/** Sends a frame of no stream of ours: the connection's own, or the refusal of a SYN. It goes before the streams'. */
export function sendFrame(s: State, frame: Frame): void {
  if (s.phase === "idle" || s.phase === "closing") return;
  if (s.controls.length === 0 && put(s, frame) > 0) return;
  const type = frame.payload?.type;
  // Of these only the newest waits (A8.3).
  if (type === "control.status" || type === "control.window_update" || frame.flags[0] === "HB")
    s.controls = s.controls.filter((other) => other.payload?.type !== type || other.flags[0] !== frame.flags[0]);
  s.controls.push(frame);
}

/** A frame of the connection's own stream; its number is always 1 (A3.5). */
export function connectionFrame(s: State, flag: "CTRL" | "HB" | "ACK", payload?: Payload, sessionId?: string): Frame {
  return {
    v: 1,
    session_id: sessionId ?? s.sessionId,
    stream_id: CONNECTION_STREAM,
    msg_seq: 1,
    flags: [flag],
    ...(payload && { payload }),
  };
}

/** The stream has something to send that could not go at once. */
export function markWaiting(s: State, stream: Stream): void {
  if (stream.waiting) return;
  stream.waiting = true;
  s.waiting.push(stream);
}

/** Whether anything of the stream waits to be sent. */
export function hasWork(stream: Stream): boolean {
  if (stream.controls.length > 0) return true;
  // Without credit for long, it waits in the replay buffer as if detached.
  return !stream.unfed && (stream.queue.length > 0 || (stream.kept.at(-1)?.seq ?? 0) > stream.sentSeq);
}

/** A new socket takes what waited for it: every stream with something to send is in turn again. */
export function wakeAll(s: State): void {
  for (const stream of s.streams.values()) if (hasWork(stream)) markWaiting(s, stream);
}

/** Sends a close; only the end of the socket counts from here. */
export function close(s: State, code: number, reason: string, graceMs = 5_000): void {
  if (s.phase === "idle" || s.phase === "closing") return;
  s.phase = "closing";
  s.fx.push({ t: "close", code, reason });
  s.terminateAt = s.at + graceMs;
  arm(s, s.terminateAt);
}
