import { ACK, CTRL, FIN, flagBits, HB, OPT, RST, SYN } from "../codec/flags.js";
import { closeCodes } from "../frame/close-codes.js";
import { CONNECTION_STREAM, type Frame } from "../frame/frame.js";
import { type AcceptContent, payloadTypes } from "../frame/payload.js";
import { isCredit, isObject } from "../codec/envelope.js";
import { readWelcome, readWindowUpdate } from "./contents.js";
import { noteUnread } from "./credit.js";
import { errorOf } from "./failure.js";
import { onLife, sendHeartbeat } from "./liveness.js";
import { close, connectionFrame, wakeAll, sendFrame } from "./outbox.js";
import { joinFragment } from "./reassembly.js";
import { onAck } from "./replay.js";
import { onNewEpoch, onResumed } from "./resume-client.js";
import { refOf, type State, type Stream } from "./state.js";
import { arm } from "./timer.js";
import type { FrameRefusal } from "./types.js";

const knownTypes = new Set<string>(Object.values(payloadTypes));

/** Client: one checked frame of the router. */
export function onRouterFrame(s: State, frame: Frame, bytes: number): void {
  onLife(s);
  const bits = flagBits(frame.flags);
  if (frame.stream_id === CONNECTION_STREAM) {
    onConnectionFrame(s, frame, bits);
    return;
  }
  const stream = s.streams.get(refOf(frame.session_id, frame.stream_id));
  // A frame for an unknown or ended stream is ignored (A5.3).
  if (stream === undefined) return;
  if (frame.ack !== undefined) onAck(stream, frame.ack);
  if (stream.finished) return;
  if ((bits & ACK) !== 0) {
    if ((bits & SYN) !== 0) onAccept(s, stream, frame);
  } else if ((bits & CTRL) !== 0) onControl(s, stream, frame);
  else if ((bits & (SYN | HB)) === 0) onNumbered(s, stream, frame, bits, bytes);
}

function onConnectionFrame(s: State, frame: Frame, bits: number): void {
  if ((bits & HB) !== 0) {
    // Hidden tabs throttle timers, not messages: so a client answers each heartbeat at once (A9.1).
    if (!s.naive) sendHeartbeat(s);
    return;
  }
  if ((bits & CTRL) === 0) return;
  const type = frame.payload?.type;
  if (type === payloadTypes.welcome) onWelcome(s, frame);
  else if (type === payloadTypes.resumed) onResumed(s, frame);
  else {
    const isUnknownToken =
      type === payloadTypes.error && isObject(frame.payload?.content) && frame.payload.content["code"] === "ERESUME";
    onControl(s, null, frame);
    if (isUnknownToken && s.phase === "resuming") {
      s.phase = "open";
      onNewEpoch(s);
      wakeAll(s);
    }
  }
}

function onWelcome(s: State, frame: Frame): void {
  if (s.phase !== "greeting") return;
  const content = readWelcome(frame.payload?.content, s.config.limits);
  if (content === null) {
    violate(s, null, "A2.2", "control.welcome is malformed");
    return;
  }
  const both = (name: string): boolean => s.config.capabilities.includes(name) && content.capabilities.includes(name);
  const isResuming = s.resumeToken !== undefined;
  // After a reload the epoch is not known: then an ERESUME tells.
  const isSameEpoch = s.epoch === undefined || s.epoch === content.epoch;
  s.capabilities = {
    resume: both("resume") && content.resume_token !== undefined,
    credit: both("credit"),
    fragments: both("fragments"),
  };
  s.limits = content.limits;
  s.epoch = content.epoch;
  s.resumeToken = s.capabilities.resume ? content.resume_token : undefined;
  s.phase = isResuming && isSameEpoch ? "resuming" : "open";
  if (s.phase === "open") s.detachedAt = null;
  s.fx.push({ t: "welcome", content });
  // The ACK confirms the newest token, so that the older one can die (A9.3).
  if (s.resumeToken !== undefined) sendFrame(s, connectionFrame(s, "ACK"));
  if (isResuming && !isSameEpoch) onNewEpoch(s);
  if (!s.capabilities.resume) for (const stream of s.streams.values()) forget(stream);
  wakeAll(s);
}

/** Without `resume` nothing that was sent is needed again. */
function forget(stream: Stream): void {
  stream.kept = stream.kept.filter((entry) => entry.seq > stream.sentSeq);
}

function onAccept(s: State, stream: Stream, frame: Frame): void {
  const content = frame.payload?.content;
  // Repeated after a resume, in case it was lost at the cut (A5.2).
  if (stream.opened || !isObject(content)) return;
  stream.opened = true;
  onAck(stream, stream.first);
  if (s.capabilities.credit && isCredit(content["credit"]))
    stream.credit = (content as unknown as AcceptContent).credit ?? null;
  s.fx.push({ t: "stream.accepted", stream: stream.ref, content: content as unknown as AcceptContent });
}

function onControl(s: State, stream: Stream | null, frame: Frame): void {
  const payload = frame.payload;
  if (payload === undefined) return;
  if (payload.type === payloadTypes.windowUpdate) {
    const content = readWindowUpdate(payload.content);
    if (content === null) {
      violate(s, stream, "A7.6", "a window update is {number, window}");
      return;
    }
    // Absolute, so an older number is ignored (A7.6).
    s.windowNumbers ??= new Map();
    const scope = stream?.ref ?? frame.session_id;
    if (content.number <= (s.windowNumbers.get(scope) ?? 0)) return;
    s.windowNumbers.set(scope, content.number);
  }
  s.fx.push({ t: "control", stream: stream?.ref ?? null, frame });
}

function onNumbered(s: State, stream: Stream, frame: Frame, bits: number, bytes: number): void {
  if (frame.msg_seq <= stream.inSeq) return;
  if (frame.msg_seq > stream.inSeq + 1) {
    violate(s, stream, "A5.4", `message ${stream.inSeq + 1} is missing before ${frame.msg_seq}`);
    close(s, closeCodes.gap, "a gap in the router's numbers");
    return;
  }
  if (frame.payload?.type === payloadTypes.fragment) {
    const joined = joinFragment(s, stream, frame, bytes);
    if (joined.t === "part") return;
    if (joined.t === "broken") {
      s.fx.push({ t: "violation", error: joined.error, stream: stream.ref });
      // The message is lost to us: the resume asks for it again.
      close(s, closeCodes.gap, joined.error.message);
      return;
    }
    onMessage(s, stream, joined.frame, flagBits(joined.frame.flags), joined.bytes);
    return;
  }
  onMessage(s, stream, frame, bits, bytes);
}

function onMessage(s: State, stream: Stream, frame: Frame, bits: number, bytes: number): void {
  stream.inSeq = frame.msg_seq;
  if ((bits & (FIN | RST)) !== 0) {
    finish(s, stream);
    s.fx.push({ t: "stream.ended", stream: stream.ref, by: (bits & FIN) !== 0 ? "FIN" : "RST", frame });
    return;
  }
  noteUnread(s, stream, frame.msg_seq, bytes);
  const type = frame.payload?.type ?? "";
  if (!knownTypes.has(type)) {
    // Its number counts; with OPT it is no error (A3.7).
    if ((bits & OPT) === 0) violate(s, stream, "A3.7", `unknown payload type ${type}`);
    return;
  }
  s.fx.push({ t: "stream.message", stream: stream.ref, frame });
}

/** The router has ended the stream. With `resume` it is kept until the host consumed the end and that was acknowledged. */
function finish(s: State, stream: Stream): void {
  stream.finished = true;
  stream.queue = [];
  stream.kept = [];
  s.open--;
  if (!s.capabilities.resume) s.streams.delete(stream.ref);
  else arm(s, (stream.endedAt = s.at) + s.limits.retention_ms);
}

/** Client: the codec refused a frame of the router. Its number counts, so that one bad frame is not a gap (A5.4). */
export function onRefusedFrame(s: State, refusal: FrameRefusal): void {
  onLife(s);
  const { sessionId, streamId, msgSeq } = refusal;
  const stream =
    sessionId === undefined || streamId === undefined ? undefined : s.streams.get(refOf(sessionId, streamId));
  violate(s, stream ?? null, refusal.rule, refusal.message);
  if (stream === undefined || stream.finished || msgSeq !== stream.inSeq + 1 || refusal.flags === undefined) return;
  const bits = flagBits(refusal.flags);
  if ((bits & (ACK | HB | CTRL)) !== 0) return;
  stream.inSeq = msgSeq;
  if ((bits & (FIN | RST)) === 0) return;
  finish(s, stream);
  s.streams.delete(stream.ref);
  s.fx.push({ t: "stream.cut", stream: stream.ref, code: closeCodes.protocol, reason: refusal.message });
}

function violate(s: State, stream: Stream | null, rule: string, message: string): void {
  s.fx.push({ t: "violation", error: errorOf("EPROTO", rule, message, {}, "maybe"), stream: stream?.ref ?? null });
}
