import { ACK, FIN, MORE, OPT } from "../codec/flags.js";
import type { ErrorContent } from "../frame/errors.js";
import { CONNECTION_STREAM, type Frame } from "../frame/frame.js";
import { payloadTypes } from "../frame/payload.js";
import { streamError } from "./ending.js";
import { errorOf } from "./failure.js";
import { sendFrame } from "./outbox.js";
import { remember } from "./past.js";
import { connectionError } from "./pausing.js";
import { joinFragment } from "./reassembly.js";
import { routerError } from "./router-error.js";
import { countProtocolError, refuseSyn } from "./router-failure.js";
import { createRouterStream, type RouterState as State, type RouterStream as Stream } from "./router-state.js";
import { INITIAL_CREDIT } from "./state.js";
import type { StreamRef } from "./types.js";

/** How long an RST waits for the SYN that it overtook (A9.5). */
const EARLY_MS = 5_000;

const DEFAULT_TTL = 8;

/** Router: a SYN opens a stream, is refused on its own stream, or repeats an id and touches nothing (A3.6). */
export function onSyn(
  s: State,
  known: Stream | undefined,
  ref: StreamRef,
  frame: Frame,
  bits: number,
  bytes: number,
): void {
  const type = frame.payload?.type;
  if ((bits & ACK) !== 0 || frame.stream_id === CONNECTION_STREAM) {
    connectionError(s, errorOf("EPROTO", "A3.7", "a client sends no SYN,ACK"), s.naive ? frame.session_id : undefined);
    countProtocolError(s);
    return;
  }
  if (known !== undefined || s.past?.has(ref) === true) {
    const isRepeatedFragment =
      known?.opened === false && type === payloadTypes.fragment && frame.msg_seq === known.first;
    if (!isRepeatedFragment) refuseRepeated(s, known, frame);
    return;
  }
  const isRequest = type === payloadTypes.request || type === payloadTypes.partial || type === payloadTypes.fragment;
  if (!isRequest && (bits & OPT) !== 0 && !Object.values<string | undefined>(payloadTypes).includes(type)) return;
  const error = isRequest
    ? admissionError(s, ref, frame)
    : errorOf("EPROTO", "A4", `a SYN carries ${payloadTypes.request}`);
  if (error !== null) {
    remember(s, ref);
    refuseSyn(s, frame.session_id, frame.stream_id, frame.msg_seq + 1, frame.ttl ?? DEFAULT_TTL, error);
    if (error.code === "EPROTO") countProtocolError(s);
    return;
  }
  open(s, ref, frame, bits, bytes);
}

/** EDUP goes by CTRL: the stream that has the id goes on as if nothing came (A3.6). */
function refuseRepeated(s: State, known: Stream | undefined, frame: Frame): void {
  const error = errorOf("EDUP", "A5.3", "this stream id is in use or was used: choose a new one");
  if (known !== undefined && !known.ended) {
    streamError(s, known, error);
    return;
  }
  sendFrame(s, {
    v: 1,
    session_id: frame.session_id,
    stream_id: frame.stream_id,
    msg_seq: Math.max(known?.outSeq ?? 0, frame.msg_seq),
    flags: ["CTRL"],
    payload: { type: payloadTypes.error, content: error },
  });
  s.fx.push({ t: "violation", error, stream: null });
}

/** Why the connection takes no such stream now, or null. */
function admissionError(s: State, ref: StreamRef, frame: Frame): ErrorContent | null {
  if (frame.ttl === 0) return errorOf("ETTL", "A3.ttl", "the SYN arrived with ttl 0");
  const early = s.early?.get(ref);
  s.early?.delete(ref);
  if (early !== undefined && s.at - early <= EARLY_MS)
    return errorOf("ECANCELLED", "A9.5", "cancelled before it began");
  if (s.draining) {
    const details = s.resumeUrl === undefined ? {} : { resume_url: s.resumeUrl };
    return routerError("EDRAINING", "A9.6", "this router is shutting down: ask another one", details);
  }
  const limit = s.limits.max_streams;
  if (s.open < limit) return null;
  const details = {
    limit_source: "session",
    dimension: "streams",
    limit,
    posted: s.open,
    reserved: 0,
    asked: 1,
    remedy: "wait",
  };
  return routerError("EWINDOW", "A9.5", `${limit} streams are open: wait until one has ended`, details);
}

function open(s: State, ref: StreamRef, frame: Frame, bits: number, bytes: number): void {
  const ttl = Math.max(0, (frame.ttl ?? DEFAULT_TTL) - 1);
  const stream = createRouterStream(frame.session_id, frame.stream_id, frame.msg_seq, ttl);
  if (s.capabilities.credit) stream.credit = frame.credit ?? INITIAL_CREDIT;
  if ((bits & FIN) !== 0) stream.inputEnded = true;
  s.streams.set(ref, stream);
  s.open++;
  if (frame.payload?.type === payloadTypes.fragment && (bits & MORE) !== 0) {
    // Its id, place and lane are judged already; the request follows when it is whole (A6).
    const joined = joinFragment(s, stream, frame, bytes);
    if (joined.t !== "broken") return;
    s.streams.delete(ref);
    s.open--;
    remember(s, ref);
    refuseSyn(s, frame.session_id, frame.stream_id, frame.msg_seq + 1, frame.ttl ?? DEFAULT_TTL, joined.error);
    countProtocolError(s);
    return;
  }
  stream.opened = true;
  s.fx.push({ t: "stream.opened", stream: ref, frame });
  if (stream.inputEnded) s.fx.push({ t: "stream.inputEnded", stream: ref });
}
