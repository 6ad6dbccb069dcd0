import { closeCodes } from "../frame/close-codes.js";
import type { Frame } from "../frame/frame.js";
import { type HelloContent, payloadTypes } from "../frame/payload.js";
import { type ResumedStream, readResumed } from "./contents.js";
import { sendAck } from "./credit.js";
import { errorOf } from "./failure.js";
import { close, connectionFrame, wakeAll, sendFrame } from "./outbox.js";
import { onAck } from "./replay.js";
import { createStream, refOf, type State, type Stream } from "./state.js";

/** Client: says HELLO on a new socket; with a token of an earlier welcome it asks to resume (A9.2). */
export function sayHello(s: State): void {
  const hello = s.config.hello;
  if (hello === undefined) return;
  const stored = hello.content.resume;
  if (stored !== undefined && s.resumeToken === undefined && s.epoch === undefined) adopt(s, stored);
  const streams = [...s.streams.values()]
    .filter((stream) => stream.sentSeq >= stream.first)
    .map((stream) => ({ stream_id: stream.streamId, last_seq: stream.inSeq }));
  const resume = s.resumeToken === undefined ? {} : { resume: { resume_token: s.resumeToken, streams } };
  sendFrame(s, connectionFrame(s, "CTRL", { type: payloadTypes.hello, content: { ...hello.content, ...resume } }));
}

/** A client that starts with a stored token and cursors, as after a reload, has those streams open. */
function adopt(s: State, stored: NonNullable<HelloContent["resume"]>): void {
  s.resumeToken = stored.resume_token;
  for (const { stream_id, last_seq } of stored.streams) {
    const stream = createStream(s.sessionId, stream_id, 1, 1, undefined);
    stream.inSeq = Math.max(1, last_seq);
    stream.readSeq = stream.inSeq;
    stream.ackedSeq = stream.inSeq;
    stream.opened = true;
    stream.credit = stream.allowance;
    s.streams.set(stream.ref, stream);
    s.open++;
  }
}

/** Client: the router knows the session no more. What was sent is cut; what was not goes on under the new epoch. */
export function onNewEpoch(s: State): void {
  // The new session counts its window updates anew (A7.6).
  s.windowNumbers = null;
  for (const stream of [...s.streams.values()]) {
    if (stream.sentSeq >= stream.first) cut(s, stream, closeCodes.goingAway, "ERESUME");
  }
}

/** Client: how each stream stands; then what the router has not got is sent again (A9.2). */
export function onResumed(s: State, frame: Frame): void {
  const entries = readResumed(frame.payload?.content);
  if (entries === null) {
    s.fx.push({ t: "violation", error: errorOf("EPROTO", "A9.2", "control.resumed is malformed"), stream: null });
    close(s, closeCodes.protocol, "control.resumed is malformed");
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

function resumeStream(s: State, stream: Stream, entry: ResumedStream): void {
  if (entry.state === "gone" && entry.processed !== "no") {
    cut(s, stream, closeCodes.goingAway, "the router no longer has this stream");
    return;
  }
  if (entry.state === "gone") stream.sentSeq = 0;
  else {
    // What the router has not got goes again, under the same numbers.
    stream.outSeq = Math.max(stream.outSeq, entry.ack);
    stream.sentSeq = Math.max(entry.ack, stream.first);
    onAck(stream, entry.ack);
    // The missing messages were evicted: a snapshot follows under the next numbers (A9.2).
    const isGap = entry.next_seq > stream.inSeq + 1;
    if (isGap) stream.inSeq = entry.next_seq - 1;
    // What an earlier client read, as before a reload, was counted by nobody here.
    const isAdopted = stream.readSeq > stream.first && stream.readBytes === 0 && stream.unreadBytes === 0;
    if (entry.used !== undefined && (isGap || isAdopted)) stream.readBytes = entry.used.bytes - stream.unreadBytes;
    // The last grant may have been lost at the cut, and what was evicted took credit that no consumer gives back: without
    // a word from here the router could wait for ever. Totals are absolute, so repeating them does no harm (A8.1).
    stream.ackedSeq = 0;
    sendAck(s, stream);
  }
  if (!stream.finished) s.fx.push({ t: "stream.attached", stream: stream.ref });
}

/** Client: ends a stream that will have no FIN or RST: never a success (A4.3). */
export function cut(s: State, stream: Stream, code: number, reason: string): void {
  s.streams.delete(stream.ref);
  if (stream.finished) return;
  stream.finished = true;
  s.open--;
  s.fx.push({ t: "stream.cut", stream: stream.ref, code, reason });
}
