import type { Frame } from "../frame/frame.js";
import { onConsumed } from "./credit.js";
import { onClosed } from "./detach.js";
import { close } from "./outbox.js";
import { send, sendConnectionCtrl, sendCtrl } from "./sender.js";
import type { State } from "./state.js";
import { onTimer } from "./tick.js";
import { flush, onBuffered } from "./turns.js";
import type { ClientEndpoint, EndpointEffect, EndpointEvent } from "./types.js";

const NOTHING: readonly EndpointEffect[] = [];

/** Makes an endpoint of its state: one synchronous, total function. */
export function createMachine(s: State): ClientEndpoint {
  return {
    step(event) {
      // Whole milliseconds are kept in their place; a fraction is an object of its own, and a session remembers ten moments.
      s.at = Math.floor(event.at);
      // What comes most often is not first compared with all else.
      if (event.t === "socket.frame") onFrame(s, event.frame, event.bytes);
      else if (!s.role.command(s, event)) handle(s, event);
      if (s.waiting.length > 0 || s.controls.length > 0) flush(s);
      s.role.after?.(s);
      if (s.fx.length === 0) return NOTHING;
      const effects = s.fx;
      s.fx = [];
      return effects;
    },
    openStreams: () => [...s.streams.values()].filter((stream) => !stream.ended).map((stream) => stream.ref),
  };
}

const isLive = (s: State): boolean => s.phase !== "idle" && s.phase !== "closing";

function onFrame(s: State, frame: Frame, bytes: number): void {
  s.lastHeardAt = s.at;
  if (isLive(s)) s.role.frame(s, frame, bytes);
}

function handle(s: State, event: EndpointEvent): void {
  const stream = "stream" in event && event.stream !== null ? s.streams.get(event.stream) : undefined;
  switch (event.t) {
    case "stream.send":
      if (stream?.ended === false) send(s, stream, [], event.message.payload);
      return;
    case "socket.buffered":
      onBuffered(s, event.bytes);
      return;
    case "socket.alive":
      s.lastHeardAt = s.at;
      return;
    case "socket.refused":
      s.lastHeardAt = s.at;
      if (isLive(s)) s.role.refused(s, event.refusal);
      return;
    case "socket.opened":
      if (s.phase !== "idle") return;
      s.lastHeardAt = s.lastSentAt = s.at;
      s.buffered = 0;
      s.full = false;
      s.role.opened(s);
      return;
    case "socket.closed":
      onClosed(s, event.code, event.reason);
      return;
    case "timer.fired":
      onTimer(s);
      return;
    case "stream.control":
      if (event.stream === null) {
        if (s.phase === "open") sendConnectionCtrl(s, event.payload);
      } else if (stream?.ended === false) sendCtrl(s, stream, event.payload);
      return;
    case "stream.consumed":
      if (stream !== undefined) onConsumed(s, stream, event.seq);
      return;
    case "close":
      // What waits was promised: it goes before the close, whatever the marks say.
      s.full = false;
      s.buffered = 0;
      flush(s);
      close(s, event.code, event.reason);
      return;
    default:
  }
}
