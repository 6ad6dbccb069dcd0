import { ACK, CTRL, FIN, flagBits, HB, OPT, RST, SYN, takesNumber } from "../codec/flags.js";
import { closeCodes } from "../frame/close-codes.js";
import { CONNECTION_STREAM, type Frame } from "../frame/frame.js";
import { payloadTypes } from "../frame/payload.js";
import { readReason, readWindowUpdate } from "./contents.js";
import { noteUnread } from "./credit.js";
import { failStream, settleEnded, streamError } from "./ending.js";
import { errorOf } from "./failure.js";
import { isHello, onHello } from "./greeting.js";
import { close } from "./outbox.js";
import { onDetach } from "./parting.js";
import { connectionError, pause, PAUSED_BY_GREETING } from "./pausing.js";
import { spendFrame } from "./rate.js";
import { routerError } from "./router-error.js";
import { joinFragment } from "./reassembly.js";
import { onAck } from "./replay.js";
import { onCredit } from "./router-credit.js";
import { countProtocolError, refuseSyn } from "./router-failure.js";
import type { RouterState as State, RouterStream as Stream } from "./router-state.js";
import { refOf } from "./state.js";
import { onSyn } from "./syn.js";
import { confirmToken } from "./tokens.js";

/** Sessions that one socket without HELLO may name (A2.4). */
const MAX_LABELS = 64;
/** Messages of a client on one stream that may wait for its consumer (A8.1). */
const MAX_UNREAD_INPUTS = 16;
/** RSTs kept for a SYN that they overtook, and for how long (A9.5). */
const MAX_EARLY = 64;

/** Every type that is known in either direction: another one needs OPT (A3.7). */
const knownTypes = new Set<string>(Object.values(payloadTypes));

/** Router: one checked frame of the client. */
export function onClientFrame(s: State, frame: Frame, bytes: number): void {
  spendFrame(s);
  const bits = flagBits(frame.flags);
  if (s.phase === "greeting") {
    hold(s, frame, bytes);
    return;
  }
  if (isHello(frame, bits)) {
    if (s.phase === "opening") onHello(s, frame);
    else close(s, closeCodes.secondHello, "a second HELLO");
    return;
  }
  if (s.phase === "opening") {
    s.phase = "open";
    s.naive = true;
    s.helloBy = null;
  }
  if (!isOwnSession(s, frame, bits)) return;
  if (frame.stream_id === CONNECTION_STREAM) onConnectionFrame(s, frame, bits);
  else onStreamFrame(s, frame, bits, bytes);
}

/** Frames may follow HELLO at once; they wait for its answer, in a bounded room (A2.1). */
function hold(s: State, frame: Frame, bytes: number): void {
  s.held ??= [];
  s.held.push({ frame, bytes });
  s.heldBytes += bytes;
  if (s.heldBytes > s.limits.max_frame_bytes) pause(s, PAUSED_BY_GREETING);
}

/** Frames that came between HELLO and its answer. */
export function releaseHeld(s: State): void {
  const held = s.held ?? [];
  s.held = null;
  s.heldBytes = 0;
  for (const { frame, bytes } of held) {
    if (s.phase !== "open") return;
    onClientFrame(s, frame, bytes);
  }
}

/** After HELLO every frame names its session; without it a socket may use a bounded number of labels (A2.4). */
function isOwnSession(s: State, frame: Frame, bits: number): boolean {
  if (!s.naive) {
    if (frame.session_id === s.sessionId) return true;
    const error = errorOf("EPROTO", "A2.4", "after HELLO every frame names its session");
    refuse(s, frame, bits, error);
    countProtocolError(s);
    return false;
  }
  s.labels ??= new Set();
  if (s.labels.has(frame.session_id)) return true;
  if (s.labels.size >= MAX_LABELS) {
    refuse(
      s,
      frame,
      bits,
      routerError("EOVERLOAD", "A2.4", `a socket without HELLO takes ${MAX_LABELS} session ids`, { limit: MAX_LABELS }),
    );
    return false;
  }
  s.labels.add(frame.session_id);
  return true;
}

/** Answers a frame that belongs to no stream of ours: a SYN on its own stream, all else on the connection's. */
function refuse(s: State, frame: Frame, bits: number, error: ReturnType<typeof errorOf>): void {
  if ((bits & (SYN | ACK)) === SYN && frame.stream_id !== CONNECTION_STREAM)
    refuseSyn(s, frame.session_id, frame.stream_id, frame.msg_seq + 1, frame.ttl ?? 8, error);
  else connectionError(s, error, s.naive ? frame.session_id : undefined);
}

function onConnectionFrame(s: State, frame: Frame, bits: number): void {
  // Life was noted; either also says that the newest token has come (A9.3). A router never answers a heartbeat (A9.1).
  if ((bits & (HB | ACK)) !== 0 && (bits & SYN) === 0) {
    confirmToken(s);
    return;
  }
  if ((bits & CTRL) === 0) {
    protocolError(s, frame, "A3.5", "stream 0 carries control frames only");
    return;
  }
  const payload = frame.payload;
  if (payload?.type === payloadTypes.windowUpdate) onWindowUpdate(s, frame, null);
  else if (payload?.type === payloadTypes.auth) s.fx.push({ t: "control", stream: null, frame });
  else if ((bits & OPT) === 0 || knownTypes.has(payload?.type ?? ""))
    protocolError(s, frame, "A4", `${payload?.type ?? "this"} is not for stream 0`);
}

function protocolError(s: State, frame: Frame, rule: string, message: string): void {
  connectionError(s, errorOf("EPROTO", rule, message), s.naive ? frame.session_id : undefined);
  countProtocolError(s);
}

function onWindowUpdate(s: State, frame: Frame, stream: Stream | null): void {
  const content = readWindowUpdate(frame.payload?.content);
  if (content === null) {
    const error = errorOf("EPROTO", "A7.6", "a window update is {number, window}");
    if (stream === null) connectionError(s, error, s.naive ? frame.session_id : undefined);
    else streamError(s, stream, error);
    countProtocolError(s);
    return;
  }
  // Absolute, so an older number is ignored (A7.6).
  if (stream !== null) {
    if (content.number <= stream.windowNumber) return;
    stream.windowNumber = content.number;
  } else {
    s.windowNumbers ??= new Map();
    if (content.number <= (s.windowNumbers.get(frame.session_id) ?? 0)) return;
    s.windowNumbers.set(frame.session_id, content.number);
  }
  s.fx.push({ t: "window", stream: stream?.ref ?? null, sessionId: frame.session_id, content });
}

function onStreamFrame(s: State, frame: Frame, bits: number, bytes: number): void {
  const ref = refOf(frame.session_id, frame.stream_id);
  const stream = s.streams.get(ref);
  if ((bits & SYN) !== 0) {
    onSyn(s, stream, ref, frame, bits, bytes);
    return;
  }
  if (stream === undefined) {
    onStrayFrame(s, ref, frame, bits);
    return;
  }
  if (frame.ack !== undefined) {
    onAck(stream, frame.ack);
    if (s.config.shared === true) s.fx.push({ t: "stream.acked", stream: ref, seq: stream.peerAck });
    settleEnded(s, stream);
  }
  if (frame.credit !== undefined) onCredit(s, stream, frame.credit);
  if (stream.ended) {
    onStrayFrame(s, ref, frame, bits);
    return;
  }
  if (takesNumber(bits)) onNumbered(s, stream, frame, bits, bytes);
  else if ((bits & CTRL) !== 0) onStreamControl(s, stream, frame, bits);
}

/** A frame for a stream that is unknown or has ended: ignored, but for an RST before its SYN and one feedback (A5.3, A9.5). */
function onStrayFrame(s: State, ref: string, frame: Frame, bits: number): void {
  if (s.past?.has(ref) === true || s.streams.has(ref)) {
    if (frame.payload?.type === payloadTypes.feedback) onFeedback(s, ref, frame);
  } else if ((bits & RST) !== 0) {
    const early = (s.early ??= new Map());
    early.delete(ref);
    early.set(ref, s.at);
    if (early.size > MAX_EARLY) early.delete(early.keys().next().value as string);
  }
}

/** The first feedback counts, within `retention_ms` of the end (A5.3). */
function onFeedback(s: State, ref: string, frame: Frame): void {
  const stream = s.streams.get(ref);
  const past = s.past?.get(ref);
  const endedAt = past?.endedAt ?? stream?.endedAt ?? 0;
  if ((past?.fedBack ?? stream?.fedBack) === true || s.at - endedAt > s.limits.retention_ms) return;
  if (past !== undefined) past.fedBack = true;
  if (stream !== undefined) stream.fedBack = true;
  s.fx.push({ t: "feedback", stream: ref, content: frame.payload?.content });
}

function onStreamControl(s: State, stream: Stream, frame: Frame, bits: number): void {
  const type = frame.payload?.type ?? "";
  if (type === payloadTypes.windowUpdate) onWindowUpdate(s, frame, stream);
  else if (type === payloadTypes.detach) onDetach(s, stream);
  else if ((bits & OPT) === 0 || knownTypes.has(type)) {
    streamError(s, stream, errorOf("EPROTO", "A4", `a client sends no ${type || "such frame"} as CTRL on a stream`));
    countProtocolError(s);
  }
}

/** A message, FIN or RST of the client: its number decides (A5.4). */
function onNumbered(s: State, stream: Stream, frame: Frame, bits: number, bytes: number): void {
  const type = frame.payload?.type ?? "";
  // A cancel counts whatever its number says: to miss it costs money, to take it twice costs nothing.
  if ((bits & RST) !== 0 && !stream.cancelled) {
    stream.inSeq = Math.max(stream.inSeq, frame.msg_seq);
    stream.cancelled = true;
    stream.reassembly = null;
    const reason = readReason(frame.payload?.content);
    if (stream.opened) s.fx.push({ t: "stream.cancelled", stream: stream.ref, reason });
    else failStream(s, stream, errorOf("ECANCELLED", "A9.5", "cancelled by the client"));
    return;
  }
  if (frame.msg_seq <= stream.inSeq) {
    if (!(type === payloadTypes.fragment && !stream.opened && frame.msg_seq === stream.first)) return;
  } else if (frame.msg_seq > stream.inSeq + 1) {
    failStream(
      s,
      stream,
      errorOf("EPROTO", "A5.4", `message ${stream.inSeq + 1} is missing before ${frame.msg_seq}`, {}, "maybe"),
    );
    countProtocolError(s);
    return;
  }
  if (type === payloadTypes.fragment) {
    onFragment(s, stream, frame, bytes);
    return;
  }
  stream.inSeq = frame.msg_seq;
  onMessage(s, stream, frame, bits, bytes);
}

function onFragment(s: State, stream: Stream, frame: Frame, bytes: number): void {
  const joined = joinFragment(s, stream, frame, bytes);
  if (joined.t === "part") return;
  if (joined.t === "broken") {
    failStream(s, stream, joined.error);
    if (joined.error.code === "EPROTO") countProtocolError(s);
    return;
  }
  if (!stream.opened) {
    stream.opened = true;
    s.fx.push({ t: "stream.opened", stream: stream.ref, frame: joined.frame });
    return;
  }
  stream.inSeq = frame.msg_seq;
  onMessage(s, stream, joined.frame, flagBits(joined.frame.flags), joined.bytes);
}

/** A whole client message with the next number. */
function onMessage(s: State, stream: Stream, frame: Frame, bits: number, bytes: number): void {
  const type = frame.payload?.type;
  if (stream.cancelled) return;
  if (type === payloadTypes.feedback) {
    onFeedback(s, stream.ref, frame);
    return;
  }
  if (stream.inputEnded) {
    dropMessage(s, stream, "A3.7", "no input may follow the client's FIN");
    return;
  }
  if (type === payloadTypes.input) {
    noteUnread(s, stream, frame.msg_seq, bytes);
    if (stream.unread.length > MAX_UNREAD_INPUTS || stream.unreadBytes > s.limits.max_message_bytes) {
      const details = { limit: MAX_UNREAD_INPUTS, bytes: stream.unreadBytes };
      failStream(s, stream, errorOf("ETOOBIG", "A8.1", "too much input waits to be taken", details, "maybe"));
      return;
    }
    s.fx.push({ t: "stream.message", stream: stream.ref, frame });
  } else if (type !== undefined && !((bits & OPT) !== 0 && !knownTypes.has(type))) {
    dropMessage(s, stream, "A4", `${type} is no message of a client on an open stream`);
    return;
  }
  if ((bits & FIN) !== 0) {
    stream.inputEnded = true;
    s.fx.push({ t: "stream.inputEnded", stream: stream.ref });
  }
}

function dropMessage(s: State, stream: Stream, rule: string, message: string): void {
  streamError(s, stream, errorOf("EPROTO", rule, message));
  countProtocolError(s);
}
