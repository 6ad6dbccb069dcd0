import { utf8Length } from "../codec/text.js";
import type { Frame, Payload } from "../frame/frame.js";
import { payloadTypes } from "../frame/payload.js";
import { fragment } from "./fragment.js";
import { canSend, connectionFrame, fits, hasWork, markWaiting, sendFrame, transmit } from "./outbox.js";
import { keep, keepsMessages, nextKept } from "./replay.js";
import { END_FLAGS, type OutEntry, type OutItem, type State, type Stream } from "./state.js";
import { starve } from "./starving.js";

/** The most text that one merged partial holds, in bytes (A8.3). */
const MERGE_BYTES = 65_536;

const NONE: readonly string[] = [];
const MORE: readonly string[] = ["MORE"];
const ACCEPT: readonly string[] = ["SYN", "ACK"];
const CTRL: readonly string[] = ["CTRL"];

/** Sends a numbered message: at once when nothing is in its way, else when its turn comes. */
export function sendMessage(s: State, stream: Stream, payload: Payload, mergeKey: string | undefined): void {
  // A message of the router is never its last one: its end says so (A5.3).
  send(s, stream, { flags: s.router ? MORE : NONE, payload, mergeKey, control: false });
}

/** Sends a control frame on a stream: it takes no number and needs no credit. */
export function sendControl(
  s: State,
  stream: Stream,
  flags: readonly string[],
  payload?: Payload,
  more?: Partial<Frame>,
): void {
  const item: OutItem = { flags, payload, more, control: true };
  if (!canSend(s)) {
    // What a control frame says is told anew after a resume, as it stands then.
    return;
  }
  if (stream.controls.length === 0 && !s.full) {
    const data = s.config.encode(buildFrame(stream, item, controlSeq(stream)));
    const bytes = s.config.sizeOf(data);
    if (fits(s, bytes)) {
      transmit(s, data, bytes);
      return;
    }
  }
  replaceOlder(stream, item);
  stream.controls.push(item);
  markWaiting(s, stream);
}

/** Sends a control payload (CTRL) on a stream. */
export function sendCtrl(s: State, stream: Stream, payload: Payload): void {
  // Not replayed, but repeated as it stands after a resume (A5.2).
  if (
    s.router &&
    s.capabilities.resume &&
    (payload.type === payloadTypes.plan || payload.type === payloadTypes.windowUpdate)
  ) {
    stream.latest ??= new Map();
    stream.latest.set(payload.type, payload);
  }
  sendControl(s, stream, CTRL, payload);
}

/** Router: sends what `control.accept` says; once more after a resume that had seen nothing (A5.2). */
export function sendAccept(s: State, stream: Stream): void {
  if (stream.accept !== null) sendControl(s, stream, ACCEPT, stream.accept, { ack: stream.first });
}

/** Sends a control payload (CTRL) on the connection's own stream. */
export function sendConnectionCtrl(s: State, payload: Payload): void {
  sendFrame(s, connectionFrame(s, "CTRL", payload));
}

/** Of a plan, a status, a window update and an ACK only the newest waits (A8.3). */
function replaceOlder(stream: Stream, item: OutItem): void {
  const type = item.payload?.type;
  if (type === payloadTypes.error || type === payloadTypes.accept) return;
  stream.controls = stream.controls.filter((other) => other.payload?.type !== type || other.flags[0] !== item.flags[0]);
}

/** Sends a numbered item, or lets it wait. */
export function send(s: State, stream: Stream, item: OutItem): void {
  if (stream.unfed) {
    // Without credit for so long that it counts as detached (A8.3).
    const entry = number(s, stream, item);
    if (entry !== null) commit(s, stream, entry);
    return;
  }
  if (canSend(s) && !s.full && !stream.full && !hasWork(stream)) {
    if (mayStart(s, stream, item)) {
      const entry = number(s, stream, item);
      if (entry === null) return;
      if (entry.parts.length === 1 && fits(s, entry.bytes)) {
        commit(s, stream, entry);
        transmit(s, entry.parts[0] as string, entry.bytes);
        stream.sentSeq = entry.seq;
        return;
      }
    } else starve(s, stream);
  } else if (s.phase === "idle" && s.router) {
    // Detached: numbered into the replay buffer, where there is one (A9.2).
    if (keepsMessages(s)) {
      const entry = number(s, stream, item);
      if (entry !== null) commit(s, stream, entry);
    }
    return;
  }
  enqueue(stream, item);
  markWaiting(s, stream);
}

/** Numbers all that waits into the replay buffer: the stream counts as detached (A8.3, A9.2). */
export function numberQueue(s: State, stream: Stream): void {
  const queue = stream.queue;
  stream.queue = [];
  for (const item of queue) {
    const entry = number(s, stream, item);
    if (entry !== null) commit(s, stream, entry);
  }
}

/** Ends need no credit; messages start while both totals are below it (A8.1). */
function mayStart(s: State, stream: Stream, item: OutItem): boolean {
  if (!s.capabilities.credit || !s.router || isEnd(item)) return true;
  const credit = stream.credit;
  return credit === null || (stream.outSeq - stream.first < credit.messages && stream.usedBytes < credit.bytes);
}

function isEnd(item: OutItem): boolean {
  return item.flags === END_FLAGS.FIN || item.flags === END_FLAGS.RST;
}

/** Appends an item, or joins its text to the last one when both have the same key. */
function enqueue(stream: Stream, item: OutItem): void {
  const last = stream.queue.at(-1);
  const merged = last === undefined ? null : merge(last, item);
  if (merged === null) stream.queue.push(item);
  else stream.queue[stream.queue.length - 1] = merged;
}

function merge(last: OutItem, item: OutItem): OutItem | null {
  if (item.mergeKey === undefined || last.mergeKey !== item.mergeKey) return null;
  const before = last.payload?.content as { readonly text?: unknown; readonly chunk?: unknown } | undefined;
  const after = item.payload?.content as { readonly text?: unknown } | undefined;
  if (typeof before?.text !== "string" || typeof after?.text !== "string" || item.payload === undefined) return null;
  const textBytes = (last.textBytes ?? utf8Length(before.text)) + utf8Length(after.text);
  if (textBytes > MERGE_BYTES) return null;
  const content = { ...after, chunk: before.chunk, text: before.text + after.text };
  return { ...item, payload: { ...item.payload, content }, textBytes };
}

/** The number that a control frame repeats: the last of this side, before the first one the SYN's (A3.5). */
function controlSeq(stream: Stream): number {
  return Math.max(stream.sentSeq, stream.first);
}

function buildFrame(stream: Stream, item: OutItem, seq: number): Frame {
  const frame: { -readonly [K in keyof Frame]: Frame[K] } = {
    v: 1,
    session_id: stream.sessionId,
    stream_id: stream.streamId,
    msg_seq: seq,
    flags: item.flags,
  };
  if (stream.ttl !== undefined) frame.ttl = stream.ttl;
  if (item.payload !== undefined) frame.payload = item.payload;
  if (item.more !== undefined) Object.assign(frame, item.more);
  return frame;
}

/** Encodes an item under the next number, which it takes only by {@link commit}. Null: it is too big, and the stream fails. */
function number(s: State, stream: Stream, item: OutItem): OutEntry | null {
  const seq = stream.outSeq + 1;
  const frame = buildFrame(stream, item, seq);
  const data = s.config.encode(frame);
  const bytes = s.config.sizeOf(data);
  if (bytes <= s.limits.max_frame_bytes) return { seq, parts: [data], bytes, end: isEnd(item) };
  return fragment(s, stream, frame, data, bytes, isEnd(item));
}

/** The message has its number now: it was taken by the socket or by the replay buffer. */
function commit(s: State, stream: Stream, entry: OutEntry): void {
  stream.outSeq = entry.seq;
  if (!entry.end) stream.usedBytes += entry.bytes;
  if (keepsMessages(s)) keep(s, stream, entry);
}

/**
 * Sends the stream's next frame, if one may go.
 * @returns its bytes, or 0 when nothing could be sent.
 */
export function sendNext(s: State, stream: Stream): number {
  const control = stream.controls[0];
  if (control !== undefined) {
    const data = s.config.encode(buildFrame(stream, control, controlSeq(stream)));
    const bytes = s.config.sizeOf(data);
    if (!fits(s, bytes)) return 0;
    stream.controls.shift();
    transmit(s, data, bytes);
    return bytes;
  }
  if (stream.unfed) return 0;
  let entry = nextKept(stream);
  if (entry === undefined) {
    const item = stream.queue[0];
    if (item === undefined) return 0;
    if (!mayStart(s, stream, item)) {
      starve(s, stream);
      return 0;
    }
    const next = number(s, stream, item);
    if (next === null) {
      stream.queue.shift();
      return 0;
    }
    entry = next;
    if (!mayTake(s, stream, entry)) return 0;
    stream.queue.shift();
    commit(s, stream, entry);
    if (entry.parts.length > 1 && !stream.kept.includes(entry)) stream.kept.push(entry);
  } else if (!mayTake(s, stream, entry)) return 0;
  return sendPart(s, stream, entry);
}

/** Whether the socket takes the next part, and the peer another open reassembly (A6). */
function mayTake(s: State, stream: Stream, entry: OutEntry): boolean {
  if (entry.parts.length > 1 && stream.sentParts === 0 && s.fragmentsOpen >= s.limits.max_reassemblies) return false;
  return fits(s, s.config.sizeOf(entry.parts[stream.sentParts] as string));
}

function sendPart(s: State, stream: Stream, entry: OutEntry): number {
  const part = entry.parts[stream.sentParts] as string;
  const bytes = s.config.sizeOf(part);
  transmit(s, part, bytes);
  if (entry.parts.length > 1 && stream.sentParts === 0) s.fragmentsOpen++;
  stream.sentParts++;
  if (stream.sentParts === entry.parts.length) {
    if (entry.parts.length > 1) s.fragmentsOpen--;
    stream.sentParts = 0;
    stream.sentSeq = entry.seq;
    if (!keepsMessages(s)) stream.kept = stream.kept.filter((kept) => kept !== entry);
  }
  return bytes;
}
