import type { Credit } from "../frame/frame.js";
import { canSend, markWaiting } from "./outbox.js";
import { announceGap } from "./resume-router.js";
import { sendControl } from "./sender.js";
import type { State, Stream } from "./state.js";
import { arm } from "./timer.js";

/** Longest time from consumption to its acknowledgement (A9.1). */
const ACK_MS = 1_000;

const ACK_FLAGS: readonly string[] = ["ACK"];

/** Router: the client granted absolute totals; lower ones are ignored (A8.1). */
export function onCredit(s: State, stream: Stream, credit: Credit): void {
  if (!s.capabilities.credit) return;
  const before = stream.credit ?? credit;
  stream.credit = {
    messages: Math.max(before.messages, credit.messages),
    bytes: Math.max(before.bytes, credit.bytes),
  };
  if (stream.unfed) {
    stream.unfed = false;
    stream.starvedAt = null;
    if (stream.lost) announceGap(s, stream);
  } else if (stream.starvedAt === null && !stream.full) return;
  markWaiting(s, stream);
}

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
  for (; count < stream.unread.length; count++) {
    const message = stream.unread[count] as { readonly seq: number; readonly bytes: number };
    if (message.seq > seq) break;
    stream.unreadBytes -= message.bytes;
    stream.readBytes += message.bytes;
  }
  if (count > 0) stream.unread.splice(0, count);
  if (s.naive) return;
  if (stream.finished) {
    sendAck(s, stream);
    if (seq === stream.inSeq && stream.ackAt === null) s.streams.delete(stream.ref);
    return;
  }
  // A router acknowledges an input when it is handed on, a client at half of its credit, at the end, or within a second.
  if (s.router || creditIsHalf(s, stream)) sendAck(s, stream);
  else if (stream.ackAt === null) {
    stream.ackAt = s.at + ACK_MS;
    arm(s, stream.ackAt);
  }
}

/** Messages that the consumer took, or that it will never get because they were evicted. */
function takenMessages(stream: Stream): number {
  return stream.inSeq - stream.first - stream.unread.length;
}

/** Client: half of what it granted is used up. */
function creditIsHalf(s: State, stream: Stream): boolean {
  const { credit, allowance } = stream;
  if (!s.capabilities.credit || credit === null) return false;
  return (
    credit.messages - takenMessages(stream) <= allowance.messages / 2 ||
    credit.bytes - stream.readBytes <= allowance.bytes / 2
  );
}

/** Acknowledges what the consumer took, and grants again what that freed. */
export function sendAck(s: State, stream: Stream): void {
  stream.ackAt = null;
  if (stream.ackedSeq === stream.readSeq) return;
  if (!canSend(s)) {
    // The peer must yet know, or it keeps what nobody needs.
    stream.ackAt = s.at + ACK_MS;
    arm(s, stream.ackAt);
    return;
  }
  stream.ackedSeq = stream.readSeq;
  if (s.router || !s.capabilities.credit) {
    sendControl(s, stream, ACK_FLAGS, undefined, { ack: stream.readSeq });
    return;
  }
  stream.credit = {
    messages: takenMessages(stream) + stream.allowance.messages,
    bytes: stream.readBytes + stream.allowance.bytes,
  };
  sendControl(s, stream, ACK_FLAGS, undefined, { ack: stream.readSeq, credit: stream.credit });
}
