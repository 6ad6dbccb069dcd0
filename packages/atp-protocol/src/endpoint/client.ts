import { isCredit, isObject } from "../codec/envelope.js";
import { ACK, CTRL, FIN, flagBits, HB, OPT, RST, SYN } from "../codec/flags.js";
import { CLOSE_GAP, CLOSE_PROTOCOL } from "../frame/close-codes.js";
import { CONNECTION_STREAM, type Frame } from "../frame/frame.js";
import type { AcceptContent, PayloadType } from "../frame/payload.js";
import { readWelcome, readWindowUpdate } from "./contents.js";
import { noteUnread } from "./credit.js";
import { errorOf } from "./failure.js";
import { armLiveness, sendHeartbeat } from "./liveness.js";
import { close, connectionFrame, emit, sendFrame, wakeAll } from "./outbox.js";
import { onAck } from "./replay.js";
import { onNewEpoch, onResumed } from "./resume-client.js";
import { refOf, sharedCapabilities, type State, type Stream } from "./state.js";
import { arm } from "./timer.js";
import type { FrameRefusal } from "./types.js";
import { violate } from "./violation.js";

/** What a router sends under a number, beside ends and fragments. */
const messageTypes: readonly (PayloadType | undefined)[] = [
  "agent.result.partial",
  "agent.result.provisional",
  "agent.result.final",
  "agent.question",
  "agent.log",
];

const typeOf = (frame: Frame): PayloadType | undefined => frame.payload?.type as PayloadType | undefined;

/** Client: one checked frame of the router. */
export function onRouterFrame(s: State, frame: Frame, bytes: number): void {
  const bits = flagBits(frame.flags);
  if (frame.stream_id === CONNECTION_STREAM) {
    onConnectionFrame(s, frame, bits);
    return;
  }
  const stream = streamOf(s, frame);
  // A frame for an unknown or ended stream is ignored (A5.3).
  if (stream === undefined) return;
  if (frame.ack !== undefined) onAck(stream, frame.ack);
  if (stream.ended) return;
  if ((bits & ACK) !== 0) {
    if ((bits & SYN) !== 0) onAccept(s, stream, frame);
  } else if ((bits & CTRL) !== 0) onControl(s, stream, frame);
  else if ((bits & (SYN | HB)) === 0) onNumbered(s, stream, frame, bits, bytes);
}

/** The frame's stream. Mostly it is that of the frame before, whose name need not be made anew. */
function streamOf(s: State, { session_id, stream_id }: Frame): Stream | undefined {
  const last = s.last;
  const isSame = last !== null && last.streamId === stream_id && last.sessionId === session_id;
  const stream = s.streams.get(isSame ? last.ref : refOf(session_id, stream_id));
  s.last = stream ?? null;
  return stream;
}

function onConnectionFrame(s: State, frame: Frame, bits: number): void {
  // Hidden tabs throttle timers, not messages: so a client answers each heartbeat at once (A9.1).
  if ((bits & HB) !== 0 && !s.naive) sendHeartbeat(s);
  if ((bits & CTRL) === 0) return;
  const type = typeOf(frame);
  const content = frame.payload?.content;
  if (type === "control.welcome") onWelcome(s, content);
  else if (type === "control.resumed") onResumed(s, frame);
  else {
    onControl(s, undefined, frame);
    const isUnknownToken = type === "error" && isObject(content) && content["code"] === "ERESUME";
    if (!isUnknownToken || s.phase !== "resuming") return;
    s.phase = "open";
    onNewEpoch(s);
    wakeAll(s);
  }
}

function onWelcome(s: State, told: unknown): void {
  if (s.phase !== "greeting") return;
  const content = readWelcome(told, s.config.limits);
  if (content === null) {
    violate(s, undefined, "A2.2", "control.welcome is malformed");
    return;
  }
  const { epoch, limits, resume_token: token } = content;
  const isResuming = s.resumeToken !== undefined;
  // After a reload the epoch is not known: then an ERESUME tells.
  const isSameEpoch = s.epoch === undefined || s.epoch === epoch;
  const shared = sharedCapabilities(s, content.capabilities);
  s.capabilities = { ...shared, resume: shared.resume && token !== undefined };
  s.limits = limits;
  // The router may have announced a shorter heartbeat than the timer was set for.
  armLiveness(s);
  s.epoch = epoch;
  s.resumeToken = s.capabilities.resume ? token : undefined;
  s.phase = isResuming && isSameEpoch ? "resuming" : "open";
  if (s.phase === "open") s.detachedAt = null;
  s.fx.push({ t: "welcome", content });
  // The ACK confirms the newest token, so that the older one can die (A9.3).
  if (s.resumeToken !== undefined) sendFrame(s, connectionFrame(s, "ACK"));
  if (isResuming && !isSameEpoch) onNewEpoch(s);
  // Without `resume` nothing that was sent is needed again.
  if (!s.capabilities.resume)
    for (const stream of s.streams.values()) stream.kept = stream.kept.filter((entry) => entry.seq > stream.sentSeq);
  wakeAll(s);
}

function onAccept(s: State, stream: Stream, frame: Frame): void {
  const content = frame.payload?.content;
  // Repeated after a resume, in case it was lost at the cut (A5.2).
  if (stream.opened || !isObject(content)) return;
  const accepted = content as unknown as AcceptContent;
  stream.opened = true;
  onAck(stream, stream.first);
  if (s.capabilities.credit && isCredit(accepted.credit)) stream.credit = accepted.credit ?? null;
  s.fx.push({ t: "stream.accepted", stream: stream.ref, content: accepted });
}

function onControl(s: State, stream: Stream | undefined, frame: Frame): void {
  if (frame.payload === undefined) return;
  if (typeOf(frame) === "control.window_update") {
    const content = readWindowUpdate(frame.payload.content);
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
  // It is another session now: nothing more comes here (A9.2).
  if (typeOf(frame) === "control.detached" && stream !== undefined) s.streams.delete(stream.ref);
  s.fx.push({ t: "control", stream: stream?.ref ?? null, frame });
}

function onNumbered(s: State, stream: Stream, frame: Frame, bits: number, bytes: number): void {
  const next = stream.inSeq + 1;
  if (frame.msg_seq < next) return;
  if (frame.msg_seq > next) {
    const gap = `message ${next} is missing before ${frame.msg_seq}`;
    violate(s, stream, "A5.4", gap);
    close(s, CLOSE_GAP, gap);
    return;
  }
  if (typeOf(frame) !== "atp.fragment") {
    onMessage(s, stream, frame, bits, bytes);
    return;
  }
  const joined = s.fragmentation?.join(s, stream, frame, bytes);
  if (joined?.t === "whole") onMessage(s, stream, joined.frame, flagBits(joined.frame.flags), joined.bytes);
  else if (joined?.t !== "part") {
    const error = joined?.error ?? errorOf("EPROTO", "A6", "fragments were not announced");
    s.fx.push({ t: "violation", error, stream: stream.ref });
    // The message is lost to us: the resume asks for it again.
    close(s, CLOSE_GAP, error.message);
  }
}

function onMessage(s: State, stream: Stream, frame: Frame, bits: number, bytes: number): void {
  stream.inSeq = frame.msg_seq;
  if ((bits & (FIN | RST)) !== 0) {
    finish(s, stream);
    s.fx.push({ t: "stream.ended", stream: stream.ref, by: (bits & FIN) !== 0 ? "FIN" : "RST", frame });
    return;
  }
  noteUnread(s, stream, frame.msg_seq, bytes);
  if (messageTypes.includes(typeOf(frame))) emit(s, { t: "stream.message", stream: stream.ref, frame });
  // Its number counts; with OPT it is no error (A3.7).
  else if ((bits & OPT) === 0) violate(s, stream, "A3.7", `${frame.payload?.type ?? ""} is no message of a router`);
}

/** The router has ended the stream. With `resume` it is kept until the host consumed the end and that was acknowledged. */
function finish(s: State, stream: Stream): void {
  stream.ended = true;
  stream.queue = [];
  stream.kept = [];
  if (!s.capabilities.resume) s.streams.delete(stream.ref);
  else arm(s, (stream.endedAt = s.at) + s.limits.retention_ms);
}

/** Client: the codec refused a frame of the router. Its number counts, so that one bad frame is not a gap (A5.4). */
export function onRefusedFrame(s: State, refusal: FrameRefusal): void {
  const { sessionId = "", streamId = "", msgSeq, flags, rule, message } = refusal;
  const stream = s.streams.get(refOf(sessionId, streamId));
  violate(s, stream, rule, message);
  if (stream === undefined || stream.ended || msgSeq !== stream.inSeq + 1 || flags === undefined) return;
  const bits = flagBits(flags);
  if ((bits & (ACK | HB | CTRL)) !== 0) return;
  stream.inSeq = msgSeq;
  if ((bits & (FIN | RST)) === 0) return;
  finish(s, stream);
  s.streams.delete(stream.ref);
  s.fx.push({ t: "stream.cut", stream: stream.ref, code: CLOSE_PROTOCOL, reason: message });
}
