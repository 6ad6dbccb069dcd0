import { CLOSE_GOING_AWAY, CLOSE_PROTOCOL } from "../frame/close-codes.js";
import type { Frame } from "../frame/frame.js";
import type { HelloContent } from "../frame/payload.js";
import { type ResumedStream, readResumed } from "./contents.js";
import { sendAck } from "./credit.js";
import { close, wakeAll } from "./outbox.js";
import { onAck } from "./replay.js";
import { sendConnectionCtrl } from "./sender.js";
import { createStream, refOf, type State, type Stream } from "./state.js";
import { violate } from "./violation.js";

/** Client: says HELLO on a new socket; with a token of an earlier welcome it asks to resume (A9.2). */
export function sayHello(s: State): void {
  const content = s.config.hello?.content;
  if (content === undefined) return;
  const stored = content.resume;
  if (stored !== undefined && s.resumeToken === undefined && s.epoch === undefined) adopt(s, stored);
  const streams = [...s.streams.values()]
    .filter(wasSent)
    .map((stream) => ({ stream_id: stream.streamId, last_seq: stream.inSeq }));
  const resume = s.resumeToken === undefined ? {} : { resume: { resume_token: s.resumeToken, streams } };
  sendConnectionCtrl(s, { type: "control.hello", content: { ...content, ...resume } });
}

/** A client that starts with a stored token and cursors, as after a reload, has those streams open. */
function adopt(s: State, stored: NonNullable<HelloContent["resume"]>): void {
  s.resumeToken = stored.resume_token;
  for (const { stream_id, last_seq } of stored.streams) {
    const stream = createStream(s.sessionId, stream_id, 1, 1);
    stream.inSeq = stream.readSeq = stream.ackedSeq = Math.max(1, last_seq);
    stream.opened = true;
    stream.credit = stream.allowance;
    s.streams.set(stream.ref, stream);
  }
}

function wasSent(stream: Stream): boolean {
  return stream.sentSeq >= stream.first;
}

/** Client: the router knows the session no more. What was sent is cut; what was not goes on under the new epoch. */
export function onNewEpoch(s: State): void {
  // The new session counts its window updates anew (A7.6).
  s.windowNumbers = null;
  cutSent(s, CLOSE_GOING_AWAY, "ERESUME");
}

/** Client: cuts what the router had; with `all`, also what it had not. */
export function cutSent(s: State, code: number, reason: string, all = false): void {
  for (const stream of [...s.streams.values()]) if (all || wasSent(stream)) cut(s, stream, code, reason);
}

/** Client: how each stream stands; then what the router has not got is sent again (A9.2). */
export function onResumed(s: State, frame: Frame): void {
  const entries = readResumed(frame.payload?.content);
  if (entries === null) {
    const message = "control.resumed is malformed";
    violate(s, undefined, "A9.2", message);
    close(s, CLOSE_PROTOCOL, message);
    return;
  }
  if (s.phase === "resuming") {
    s.phase = "open";
    s.detachedAt = null;
  }
  s.fx.push({ t: "control", stream: null, frame });
  for (const entry of entries) {
    const stream = s.streams.get(refOf(s.sessionId, entry.stream_id));
    if (stream !== undefined) resumeStream(s, stream, entry);
  }
  wakeAll(s);
}

function resumeStream(s: State, stream: Stream, { state, processed, ack, next_seq, used }: ResumedStream): void {
  if (state === "gone") {
    if (processed !== "no") {
      cut(s, stream, CLOSE_GOING_AWAY, "the router no longer has this stream");
      return;
    }
    stream.sentSeq = 0;
  } else {
    // What the router has not got goes again, under the same numbers.
    stream.outSeq = Math.max(stream.outSeq, ack);
    stream.sentSeq = Math.max(ack, stream.first);
    onAck(stream, ack);
    // The missing messages were evicted: a snapshot follows under the next numbers (A9.2).
    const isGap = next_seq > stream.inSeq + 1;
    if (isGap) stream.inSeq = next_seq - 1;
    // What an earlier client read, as before a reload, was counted by nobody here.
    const isAdopted = stream.readSeq > stream.first && stream.readBytes === 0 && stream.unreadBytes === 0;
    if (used !== undefined && (isGap || isAdopted)) stream.readBytes = used.bytes - stream.unreadBytes;
    // The last grant may have been lost at the cut, and what was evicted took credit that no consumer gives back: without
    // a word from here the router could wait for ever. Totals are absolute, so repeating them does no harm (A8.1).
    stream.ackedSeq = 0;
    sendAck(s, stream);
  }
  if (!stream.ended) s.fx.push({ t: "stream.attached", stream: stream.ref });
}

/** Client: ends a stream that will have no FIN or RST: never a success (A4.3). */
function cut(s: State, stream: Stream, code: number, reason: string): void {
  s.streams.delete(stream.ref);
  if (stream.ended) return;
  stream.ended = true;
  s.fx.push({ t: "stream.cut", stream: stream.ref, code, reason });
}
