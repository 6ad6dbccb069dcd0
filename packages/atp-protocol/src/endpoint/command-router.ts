import { payloadTypes } from "../frame/payload.js";
import { onGranted, onRefused } from "./greeting.js";
import { evict, onAttach } from "./resume-router.js";
import { releaseHeld } from "./router.js";
import { sendAccept, sendConnectionCtrl } from "./sender.js";
import { INITIAL_CREDIT, type State } from "./state.js";
import { closeWhenDrained, drain } from "./drain.js";
import { endStream, settleEnded } from "./ending.js";
import type { EndpointEvent } from "./types.js";

/** Router: a command of its host. */
export function commandRouter(s: State, event: EndpointEvent): void {
  switch (event.t) {
    case "hello.granted":
      if (onGranted(s, event.grant)) releaseHeld(s);
      return;
    case "session.attach":
      onAttach(s, event.hello, event.grant, event.shownTokenId);
      return;
    case "session.evict":
      evict(s);
      return;
    case "hello.refused":
      onRefused(s, event.error, event.closeCode);
      return;
    case "stream.accept": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended || stream.accept !== null) return;
      const credit = s.capabilities.credit ? { credit: stream.credit ?? INITIAL_CREDIT } : {};
      const content = { qos: event.qos, window: event.window, ...credit, ack: stream.first };
      stream.accept = { type: payloadTypes.accept, content };
      sendAccept(s, stream);
      return;
    }
    case "stream.end": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended) return;
      endStream(s, stream, event.flag, event.payload, event.telemetry);
      settleEnded(s, stream);
      closeWhenDrained(s);
      return;
    }
    case "stream.status":
      if (s.phase === "open") sendConnectionCtrl(s, { type: payloadTypes.status, content: event.content });
      return;
    case "drain":
      drain(s, event.resumeUrl);
      return;
    default:
  }
}
