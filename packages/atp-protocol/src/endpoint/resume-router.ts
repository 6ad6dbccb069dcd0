import type { Credit } from "../frame/frame.js";
import { type HelloContent, payloadTypes } from "../frame/payload.js";
import type { ResumedStream } from "./contents.js";
import { tellDraining } from "./drain.js";
import { welcome } from "./greeting.js";
import { armLiveness } from "./liveness.js";
import { wakeAll } from "./outbox.js";
import { nextKept } from "./replay.js";
import { sendAccept, sendCtrl } from "./router-sender.js";
import type { RouterState as State, RouterStream as Stream } from "./router-state.js";
import { sendConnectionCtrl } from "./sender.js";
import { refOf, sharedCapabilities } from "./state.js";
import { issueToken } from "./tokens.js";
import type { Grant } from "./types.js";

/** Router: a new socket takes the session over: welcome, how each stream stands, the missing suffix, then live (A9.2). */
export function onAttach(s: State, hello: HelloContent, grant: Grant, shownTokenId: string): void {
  if (s.phase !== "idle" || !s.capabilities.resume) return;
  s.phase = "open";
  s.detachedAt = null;
  s.lastHeardAt = s.at;
  s.lastSentAt = s.at;
  s.tokens = s.limits.frames_per_s * 2;
  s.tokensAt = s.at;
  s.capabilities = { ...sharedCapabilities(s, hello.capabilities), resume: true };
  armLiveness(s);
  welcome(s, grant);
  issueToken(s, shownTokenId, grant.resumeTokenId ?? grant.resumeToken ?? shownTokenId);
  const cursors = cursorsOf(s, hello.resume?.streams ?? []);
  const resumed = cursors.map(({ streamId, lastSeq }) => stand(s, streamId, lastSeq));
  sendConnectionCtrl(s, { type: payloadTypes.resumed, content: { streams: resumed } });
  for (const entry of resumed) goOn(s, entry);
  // The drain may have begun on a socket that is gone (A5.2, A9.6).
  if (s.draining) tellDraining(s);
  wakeAll(s);
}

/** Router: what a detached session keeps goes, but for the ends of its streams: it answers `gap` (A8.4). */
export function evict(s: State): void {
  if (s.phase !== "idle") return;
  for (const stream of s.streams.values()) if (stream.kept.length > 0) skipLost(stream);
}

interface Cursor {
  readonly streamId: string;
  readonly lastSeq: number;
}

/** What the client lists, and open streams that it does not: those go on from their last `ack` (A9.2). */
function cursorsOf(s: State, listed: readonly { readonly stream_id: string; readonly last_seq: number }[]): Cursor[] {
  const cursors = new Map(listed.map((entry) => [entry.stream_id, entry.last_seq]));
  for (const stream of s.streams.values()) {
    if (cursors.has(stream.streamId)) continue;
    if (stream.ended) stream.sentSeq = stream.outSeq;
    else cursors.set(stream.streamId, stream.peerAck);
  }
  return [...cursors].map(([streamId, lastSeq]) => ({ streamId, lastSeq }));
}

/** How one stream stands for a reader that has everything up to `lastSeq`; its cursor is set to go on from there. */
function stand(s: State, streamId: string, lastSeq: number): ResumedStream {
  const ref = refOf(s.sessionId, streamId);
  const stream = s.streams.get(ref);
  const none: Credit = { messages: 0, bytes: 0 };
  if (stream === undefined) {
    const processed = s.past?.has(ref) === true ? "maybe" : "no";
    return { stream_id: streamId, state: "gone", next_seq: 1, ack: 0, used: none, processed };
  }
  const base = { stream_id: streamId, ack: stream.inSeq, used: usedOf(stream) };
  if (lastSeq > stream.outSeq) return { ...base, state: "gone", next_seq: stream.outSeq + 1, processed: "maybe" };
  stream.sentSeq = Math.max(lastSeq, stream.first);
  stream.lost = false;
  const next = nextKept(stream)?.seq ?? stream.outSeq + 1;
  if (next === stream.sentSeq + 1) {
    return { ...base, state: stream.ended ? "finished" : "live", next_seq: next };
  }
  return { ...base, state: "gap", next_seq: skipLost(stream) };
}

function usedOf(stream: Stream): Credit {
  const ends = stream.ended && stream.kept.at(-1)?.end === true ? 1 : 0;
  return { messages: stream.outSeq - stream.first - ends, bytes: stream.usedBytes };
}

/** Leaves out what cannot be replayed whole: only an end still goes (A9.2). @returns the next number to come. */
function skipLost(stream: Stream): number {
  const end = stream.kept.at(-1);
  stream.lost = false;
  stream.kept = end?.end === true ? [end] : [];
  stream.keptBytes = stream.kept.reduce((sum, entry) => sum + entry.bytes, 0);
  stream.sentSeq = end?.end === true ? end.seq - 1 : stream.outSeq;
  return stream.sentSeq + 1;
}

function goOn(s: State, entry: ResumedStream): void {
  const stream = s.streams.get(refOf(s.sessionId, entry.stream_id));
  if (stream === undefined || entry.state === "gone") return;
  if (stream.sentSeq === stream.first) sendAccept(s, stream);
  for (const payload of stream.latest?.values() ?? []) sendCtrl(s, stream, payload);
  if (stream.ended) return;
  s.fx.push({ t: "stream.attached", stream: stream.ref });
  if (entry.state === "gap") s.fx.push({ t: "stream.snapshot", stream: stream.ref });
}

/** Router: credit came for a stream whose buffer had to evict: the reader learns of the gap, then gets a snapshot (A8.3). */
export function announceGap(s: State, stream: Stream): void {
  const used = usedOf(stream);
  const entry: ResumedStream = {
    stream_id: stream.streamId,
    state: "gap",
    next_seq: skipLost(stream),
    ack: stream.inSeq,
    used,
  };
  sendConnectionCtrl(s, { type: payloadTypes.resumed, content: { streams: [entry] } });
  if (!stream.ended) s.fx.push({ t: "stream.snapshot", stream: stream.ref });
}
