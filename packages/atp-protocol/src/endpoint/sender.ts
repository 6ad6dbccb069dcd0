import type { Frame, Payload } from "../frame/frame.js";
import { canSend, connectionFrame, fits, markWaiting, put, sendFrame, transmit } from "./outbox.js";
import { nextKept } from "./replay.js";
import type { FrameMembers, OutEntry, OutItem, State, Stream } from "./state.js";

const CTRL: readonly string[] = ["CTRL"];

/** Lets a numbered item wait for its turn, which comes at the end of this step at the earliest. */
export function send(s: State, stream: Stream, flags: readonly string[], payload?: Payload, more?: FrameMembers): void {
  stream.queue.push({ flags, payload, more });
  markWaiting(s, stream);
}

/** Sends a control frame on a stream: it takes no number and needs no credit. */
export function sendControl(
  s: State,
  stream: Stream,
  flags: readonly string[],
  payload?: Payload,
  more?: FrameMembers,
): void {
  // What a control frame says is told anew after a resume, as it stands then.
  if (!canSend(s)) return;
  const item = { flags, payload, more };
  if (stream.controls.length === 0 && put(s, buildFrame(stream, item, controlSeq(stream))) > 0) return;
  const type = payload?.type;
  // Of a plan, a status, a window update and an ACK only the newest waits (A8.3).
  if (type !== "error" && type !== "control.accept")
    stream.controls = stream.controls.filter((other) => other.payload?.type !== type || other.flags[0] !== flags[0]);
  stream.controls.push(item);
  markWaiting(s, stream);
}

/** Sends a control payload (CTRL) on a stream. */
export function sendCtrl(s: State, stream: Stream, payload: Payload): void {
  sendControl(s, stream, CTRL, payload);
}

/** Sends a control payload (CTRL) on the connection's own stream. */
export function sendConnectionCtrl(s: State, payload: Payload): void {
  sendFrame(s, connectionFrame(s, "CTRL", payload));
}

/** The number that a control frame repeats: the last of this side, before the first one the SYN's (A3.5). */
function controlSeq(stream: Stream): number {
  return Math.max(stream.sentSeq, stream.first);
}

function buildFrame(stream: Stream, { flags, payload, more }: OutItem, seq: number): Frame {
  const { sessionId, streamId, ttl } = stream;
  // A member that is undefined is not written.
  const frame = { v: 1, session_id: sessionId, stream_id: streamId, msg_seq: seq, flags, ttl, payload } as Frame;
  return more === undefined ? frame : Object.assign(frame, more);
}

/** Encodes an item under the next number, which it takes only by {@link commit}. Null: it is too big, and the stream fails. */
export function number(s: State, stream: Stream, item: OutItem): OutEntry | null {
  const seq = stream.outSeq + 1;
  const frame = buildFrame(stream, item, seq);
  const data = s.config.encode(frame);
  const bytes = s.config.sizeOf(data);
  const end = item.end === true;
  if (bytes <= s.limits.max_frame_bytes) return { seq, parts: [data], bytes, end };
  const isMessage = bytes <= s.limits.max_message_bytes;
  const parts = isMessage && s.capabilities.fragments ? s.fragmentation?.split(s, frame) : null;
  if (parts == null) return s.role.tooBig(s, stream, frame, data, bytes);
  return { seq, parts, bytes: parts.reduce((sum, part) => sum + s.config.sizeOf(part), 0), end };
}

/** The message has its number now: it was taken by the socket or by the replay buffer. */
export function commit(s: State, stream: Stream, entry: OutEntry): void {
  stream.outSeq = entry.seq;
  if (s.role.keeps(s)) {
    stream.kept.push(entry);
    stream.keptBytes += entry.bytes;
  }
  s.role.committed?.(s, stream, entry);
}

/**
 * Sends the stream's next frame, if one may go.
 * @returns its bytes, or 0 when nothing could be sent.
 */
export function sendNext(s: State, stream: Stream): number {
  const control = stream.controls[0];
  if (control !== undefined) {
    const bytes = put(s, buildFrame(stream, control, controlSeq(stream)));
    if (bytes > 0) stream.controls.shift();
    return bytes;
  }
  if (stream.unfed) return 0;
  let entry = nextKept(stream);
  if (entry === undefined) {
    const item = stream.queue[0];
    if (item === undefined || s.role.starves?.(s, stream, item) === true) return 0;
    const next = number(s, stream, item);
    if (next !== null && !mayTake(s, stream, next)) return 0;
    stream.queue.shift();
    if (next === null) return 0;
    entry = next;
    commit(s, stream, entry);
    if (entry.parts.length > 1 && !stream.kept.includes(entry)) stream.kept.push(entry);
  } else if (!mayTake(s, stream, entry)) return 0;
  return sendPart(s, stream, entry);
}

/** Whether the socket takes the next part, and the peer another open reassembly (A6). */
function mayTake(s: State, stream: Stream, { parts }: OutEntry): boolean {
  if (parts.length > 1 && stream.sentParts === 0 && s.fragmentsOpen >= s.limits.max_reassemblies) return false;
  return fits(s, s.config.sizeOf(parts[stream.sentParts] as string));
}

function sendPart(s: State, stream: Stream, entry: OutEntry): number {
  const { parts, seq } = entry;
  const part = parts[stream.sentParts] as string;
  const bytes = s.config.sizeOf(part);
  transmit(s, part, bytes);
  if (parts.length > 1 && stream.sentParts === 0) s.fragmentsOpen++;
  stream.sentParts++;
  if (stream.sentParts === parts.length) {
    if (parts.length > 1) s.fragmentsOpen--;
    stream.sentParts = 0;
    stream.sentSeq = seq;
    if (!s.role.keeps(s)) stream.kept = stream.kept.filter((kept) => kept !== entry);
  }
  return bytes;
}
