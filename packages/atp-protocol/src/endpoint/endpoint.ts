import { flagBits, RST, SYN, takesNumber, ACK } from "../codec/flags.js";
import { payloadTypes } from "../frame/payload.js";
import { commandClient } from "./command-client.js";
import { commandRouter } from "./command-router.js";
import { onRefusedFrame, onRouterFrame } from "./client.js";
import { onConsumed } from "./credit.js";
import { countProtocolError, refusalError, refuseSyn, streamError } from "./failure.js";
import { armLiveness, HELLO_MS, onLife } from "./liveness.js";
import { close, connectionError, flush, flushAll, onBuffered } from "./outbox.js";
import { onClientFrame } from "./router.js";
import { sendConnectionCtrl, sendCtrl, sendMessage } from "./sender.js";
import { createState, refOf, type State } from "./state.js";
import { onClosed } from "./detach.js";
import { sayHello } from "./resume-client.js";
import { remember } from "./syn.js";
import { closeWhenDrained, onTimer } from "./tick.js";
import { arm } from "./timer.js";
import type { Endpoint, EndpointConfig, EndpointEffect, EndpointEvent, FrameRefusal } from "./types.js";

const NOTHING: readonly EndpointEffect[] = [];

/** Makes one side of a connection: plain state behind one synchronous, total function. */
export function createEndpoint(config: EndpointConfig): Endpoint {
  const s = createState(config);
  return {
    step(event) {
      s.at = event.at;
      handle(s, event);
      if (s.fx.length === 0) return NOTHING;
      const effects = s.fx;
      s.fx = [];
      return effects;
    },
    openStreams: () =>
      [...s.streams.values()].filter((stream) => !stream.ended && !stream.finished).map((stream) => stream.ref),
  };
}

function handle(s: State, event: EndpointEvent): void {
  switch (event.t) {
    case "stream.send": {
      const stream = s.streams.get(event.stream);
      if (stream !== undefined && !stream.ended && !stream.finished)
        sendMessage(s, stream, event.message.payload, event.message.mergeKey);
      return;
    }
    case "socket.frame":
      if (s.phase === "idle" || s.phase === "closing") return;
      if (s.router) onClientFrame(s, event.frame, event.bytes);
      else onRouterFrame(s, event.frame, event.bytes);
      return;
    case "socket.buffered":
      onBuffered(s, event.bytes);
      if (s.router) closeWhenDrained(s);
      return;
    case "socket.alive":
      onLife(s);
      return;
    case "socket.refused":
      if (s.phase === "idle" || s.phase === "closing") return;
      if (s.router) onBadFrame(s, event.refusal);
      else onRefusedFrame(s, event.refusal);
      return;
    case "socket.opened":
      onOpened(s);
      return;
    case "socket.closed":
      onClosed(s, event.code, event.reason);
      return;
    case "timer.fired":
      onTimer(s);
      return;
    case "stream.control": {
      const stream = event.stream === null ? null : s.streams.get(event.stream);
      if (s.router && s.naive && !naiveSees(event.payload.type)) return;
      if (stream === null) {
        if (s.phase === "open") sendConnectionCtrl(s, event.payload);
      } else if (stream !== undefined && !stream.ended && !stream.finished) sendCtrl(s, stream, event.payload);
      return;
    }
    case "stream.consumed": {
      const stream = s.streams.get(event.stream);
      if (stream !== undefined) onConsumed(s, stream, event.seq);
      return;
    }
    case "close":
      if (!s.router) s.finished = true;
      // What waits was promised: it goes before the close, whatever the marks say.
      s.full = false;
      s.buffered = 0;
      flush(s);
      close(s, event.code, event.reason);
      return;
    default:
      if (s.router) commandRouter(s, event);
      else commandClient(s, event);
  }
}

/** Of control frames a socket without HELLO gets `control.accept`, `control.status` and errors only (A2.4). */
function naiveSees(type: string): boolean {
  return type === payloadTypes.status || type === payloadTypes.error;
}

function onOpened(s: State): void {
  if (s.phase !== "idle") return;
  s.lastHeardAt = s.at;
  s.lastSentAt = s.at;
  s.buffered = 0;
  s.full = false;
  s.tokens = s.limits.frames_per_s * 2;
  s.tokensAt = s.at;
  if (s.router) {
    s.phase = "opening";
    s.helloBy = s.at + HELLO_MS;
    arm(s, s.helloBy);
    return;
  }
  s.phase = s.naive ? "open" : "greeting";
  armLiveness(s);
  if (!s.naive) sayHello(s);
  flushAll(s);
}

/** Router: the codec refused a frame. It is answered on its stream when that can be told (A3.6). */
function onBadFrame(s: State, refusal: FrameRefusal): void {
  onLife(s);
  const error = refusalError(refusal);
  const { sessionId, streamId, msgSeq } = refusal;
  const bits = flagBits(refusal.flags ?? []);
  const isOwn = s.phase !== "greeting" && (s.phase === "opening" || s.naive || sessionId === s.sessionId);
  if (sessionId !== undefined && streamId !== undefined && streamId !== "0" && isOwn) {
    const ref = refOf(sessionId, streamId);
    const stream = s.streams.get(ref);
    if (stream !== undefined && !stream.ended) {
      // Its number was read, so it counts as received: the next frame is no gap (A5.4).
      if (msgSeq === stream.inSeq + 1 && refusal.flags !== undefined && takesNumber(bits)) {
        stream.inSeq = msgSeq;
        if ((bits & RST) !== 0 && !stream.cancelled) {
          stream.cancelled = true;
          s.fx.push({ t: "stream.cancelled", stream: ref, reason: error.message });
        }
      }
      streamError(s, stream, error);
    } else if ((bits & (SYN | ACK)) === SYN && !s.past.has(ref) && stream === undefined) {
      remember(s, ref);
      refuseSyn(s, sessionId, streamId, msgSeq === undefined || msgSeq > 2 ** 31 ? 1 : msgSeq + 1, 8, error);
    } else connectionError(s, error, s.naive ? sessionId : undefined);
  } else connectionError(s, error, s.naive || s.phase === "opening" ? sessionId : undefined);
  if (error.code === "EPROTO") countProtocolError(s);
}
