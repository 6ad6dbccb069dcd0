import { payloadTypes } from "../frame/payload.js";
import { onGranted, onRefused } from "./greeting.js";
import { adopt } from "./adopting.js";
import { part, restore } from "./parting.js";
import { evict, onAttach } from "./resume-router.js";
import { releaseHeld } from "./router.js";
import { sendAccept, sendCtrl, sendMessage } from "./router-sender.js";
import type { RouterState as State } from "./router-state.js";
import { sendConnectionCtrl } from "./sender.js";
import { INITIAL_CREDIT } from "./state.js";
import { drain } from "./drain.js";
import { endStream, settleEnded } from "./ending.js";
import type { EndpointEvent } from "./types.js";

/** Of control frames a socket without HELLO gets `control.accept`, `control.status` and errors only (A2.4). */
function naiveSees(type: string): boolean {
  return type === payloadTypes.status || type === payloadTypes.error;
}

/** Router: a command of its host. */
export function commandRouter(s: State, event: EndpointEvent): boolean {
  switch (event.t) {
    case "stream.send": {
      const stream = s.streams.get(event.stream);
      if (stream?.ended === false) sendMessage(s, stream, event.message.payload, event.message.mergeKey);
      return true;
    }
    case "stream.control": {
      if (s.naive && !naiveSees(event.payload.type)) return true;
      const stream = event.stream === null ? undefined : s.streams.get(event.stream);
      if (stream?.ended === false) sendCtrl(s, stream, event.payload);
      // The connection's own is the same for both sides.
      return event.stream !== null;
    }
    case "hello.granted":
      if (onGranted(s, event.grant)) releaseHeld(s);
      return true;
    case "session.attach":
      onAttach(s, event.hello, event.grant, event.shownTokenId);
      return true;
    case "session.restore":
      restore(s, event.parcel, event.tokenId);
      return true;
    case "session.adopt":
      adopt(s, event.sessionId, event.capabilities, event.streams);
      return true;
    case "stream.part": {
      const stream = s.streams.get(event.stream);
      if (stream !== undefined) part(s, stream, event.resumeToken, event.resumeTokenId);
      return true;
    }
    case "session.evict":
      evict(s);
      return true;
    case "hello.refused":
      onRefused(s, event.error, event.closeCode);
      return true;
    case "stream.accept": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended || stream.accept !== null) return true;
      const credit = s.capabilities.credit ? { credit: stream.credit ?? INITIAL_CREDIT } : {};
      const content = { qos: event.qos, window: event.window, ...credit, ack: stream.first };
      stream.accept = { type: payloadTypes.accept, content };
      sendAccept(s, stream);
      return true;
    }
    case "stream.end": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended) return true;
      endStream(s, stream, event.flag, event.payload, event.telemetry);
      settleEnded(s, stream);
      return true;
    }
    case "stream.status":
      if (s.phase === "open") sendConnectionCtrl(s, { type: payloadTypes.status, content: event.content });
      return true;
    case "drain":
      drain(s, event.resumeUrl);
      return true;
    default:
      return false;
  }
}
