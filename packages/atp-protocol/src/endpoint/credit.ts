import { canSend } from "./outbox.js";
import { sendControl } from "./sender.js";
import type { State, Stream } from "./state.js";
import { arm } from "./timer.js";

/** Longest time from consumption to its acknowledgement (A9.1). */
const ACK_MS = 1_000;

const ACK_FLAGS: readonly string[] = ["ACK"];

/** A whole message came in: it counts until the consumer takes it. */
export function noteUnread(s: State, stream: Stream, seq: number, bytes: number): void {
  if (!s.router && !s.capabilities.credit) return;
  stream.unread.push({ seq, bytes });
  stream.unreadBytes += bytes;
}

/** The consumer took every message up to `seq`. */
export function onConsumed(s: State, stream: Stream, seq: number): void {
  if (seq <= stream.readSeq || seq > stream.inSeq) return;
  stream.readSeq = seq;
  let count = 0;
  for (let next = stream.unread[0]; next !== undefined && next.seq <= seq; next = stream.unread[++count]) {
    stream.unreadBytes -= next.bytes;
    stream.readBytes += next.bytes;
  }
  stream.unread.splice(0, count);
  if (s.naive) return;
  // A router acknowledges an input when it is handed on, a client at half of its credit, at the end, or within a second.
  const isEnd = !s.router && stream.ended;
  if (s.router || isEnd || creditIsHalf(s, stream)) sendAck(s, stream);
  else ackLater(s, stream);
  if (isEnd && seq === stream.inSeq && stream.ackAt === null) s.streams.delete(stream.ref);
}

function ackLater(s: State, stream: Stream): void {
  stream.ackAt ??= s.at + ACK_MS;
  arm(s, stream.ackAt);
}

/** Messages that the consumer took, or that it will never get because they were evicted. */
function takenMessages(stream: Stream): number {
  return stream.inSeq - stream.first - stream.unread.length;
}

/** Client: half of what it granted is used up. */
function creditIsHalf(s: State, stream: Stream): boolean {
  const { credit, allowance } = stream;
  return (
    s.capabilities.credit &&
    credit !== null &&
    (credit.messages - takenMessages(stream) <= allowance.messages / 2 ||
      credit.bytes - stream.readBytes <= allowance.bytes / 2)
  );
}

/** Acknowledges what the consumer took, and grants again what that freed. */
export function sendAck(s: State, stream: Stream): void {
  const ack = stream.readSeq;
  stream.ackAt = null;
  if (stream.ackedSeq === ack) return;
  if (!canSend(s)) {
    // The peer must yet know, or it keeps what nobody needs.
    ackLater(s, stream);
    return;
  }
  stream.ackedSeq = ack;
  if (s.router || !s.capabilities.credit) {
    sendControl(s, stream, ACK_FLAGS, undefined, { ack });
    return;
  }
  const credit = {
    messages: takenMessages(stream) + stream.allowance.messages,
    bytes: stream.readBytes + stream.allowance.bytes,
  };
  stream.credit = credit;
  sendControl(s, stream, ACK_FLAGS, undefined, { ack, credit });
}
