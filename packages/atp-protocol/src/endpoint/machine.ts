import { payloadTypes } from "../frame/payload.js";
import { countBytes } from "./counting.js";
import { onConsumed } from "./credit.js";
import { onClosed } from "./detach.js";
import { closeWhenDrained } from "./drain.js";
import { onLife } from "./liveness.js";
import { close } from "./outbox.js";
import { sendConnectionCtrl, sendCtrl, sendMessage } from "./sender.js";
import { createState, type State } from "./state.js";
import { onTimer } from "./tick.js";
import { flush, onBuffered } from "./turns.js";
import type { Endpoint, EndpointConfig, EndpointEffect, EndpointEvent, FrameRefusal } from "./types.js";
import type { Frame } from "../frame/frame.js";

/** What the two roles do each in its own way. */
export interface RolePart {
  readonly opened: (s: State) => void;
  readonly frame: (s: State, frame: Frame, bytes: number) => void;
  readonly refused: (s: State, refusal: FrameRefusal) => void;
  readonly command: (s: State, event: EndpointEvent) => void;
}

const NOTHING: readonly EndpointEffect[] = [];

/** Makes an endpoint of one role: plain state behind one synchronous, total function. */
export function createMachine(config: EndpointConfig, role: RolePart): Endpoint {
  const s = createState(config);
  return {
    step(event) {
      s.at = event.at;
      handle(s, role, event);
      if (s.waiting.length > 0 && !s.full) flush(s);
      if (s.fx.length === 0) return NOTHING;
      const effects = s.fx;
      s.fx = [];
      return effects;
    },
    openStreams: () =>
      [...s.streams.values()].filter((stream) => !stream.ended && !stream.finished).map((stream) => stream.ref),
    bytes: () => countBytes(s),
  };
}

function handle(s: State, role: RolePart, event: EndpointEvent): void {
  switch (event.t) {
    case "stream.send": {
      const stream = s.streams.get(event.stream);
      if (stream !== undefined && !stream.ended && !stream.finished)
        sendMessage(s, stream, event.message.payload, event.message.mergeKey);
      return;
    }
    case "socket.frame":
      if (s.phase === "idle" || s.phase === "closing") return;
      role.frame(s, event.frame, event.bytes);
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
      role.refused(s, event.refusal);
      return;
    case "socket.opened":
      if (s.phase === "idle") open(s, role);
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
      role.command(s, event);
  }
}

/** Of control frames a socket without HELLO gets `control.accept`, `control.status` and errors only (A2.4). */
function naiveSees(type: string): boolean {
  return type === payloadTypes.status || type === payloadTypes.error;
}

function open(s: State, role: RolePart): void {
  s.lastHeardAt = s.at;
  s.lastSentAt = s.at;
  s.buffered = 0;
  s.full = false;
  role.opened(s);
}
