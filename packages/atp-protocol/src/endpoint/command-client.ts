import type { Payload } from "../frame/frame.js";
import { errorOf } from "./failure.js";
import { endLocally } from "./local-end.js";
import { sendFrame } from "./outbox.js";
import { send } from "./sender.js";
import { createStream, refOf, type State } from "./state.js";
import type { EndpointEvent, StreamRef } from "./types.js";

const SYN_FLAGS: readonly string[] = ["SYN"];
const FIN_FLAGS: readonly string[] = ["FIN"];
const RST_FLAGS: readonly string[] = ["RST"];

/** Client: a command of its host. */
export function commandClient(s: State, event: EndpointEvent): boolean {
  switch (event.t) {
    case "stream.open":
      open(s, event);
      return true;
    case "stream.cancel": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended || stream.cancelled) return true;
      stream.cancelled = true;
      stream.queue = stream.queue.filter((item) => item.flags === SYN_FLAGS);
      // If the SYN never left, nothing is to be undone.
      if (stream.outSeq < stream.first)
        endLocally(s, stream, errorOf("ECANCELLED", "A9.5", "cancelled before it was sent"));
      else {
        const content = event.reason === undefined ? {} : { reason: event.reason };
        send(s, stream, RST_FLAGS, { type: "control.cancel", content });
      }
      return true;
    }
    case "stream.send":
      return feedBack(s, event.stream, event.message.payload);
    case "stream.end": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.ended || stream.inputEnded || event.flag !== "FIN") return true;
      stream.inputEnded = true;
      send(s, stream, FIN_FLAGS, event.payload);
      return true;
    }
    case "close":
      s.finished = true;
      return false;
    default:
      return false;
  }
}

/** Feedback comes when its stream has ended and may be forgotten here; a router looks at no number of it (A5.3). */
function feedBack(s: State, ref: StreamRef, payload: Payload): boolean {
  const stream = s.streams.get(ref);
  if (payload.type !== "agent.feedback" || stream?.ended === false || s.phase !== "open") return false;
  const [session_id = "", stream_id = ""] = ref.split("/");
  sendFrame(s, { v: 1, session_id, stream_id, msg_seq: (stream?.outSeq ?? 1) + 1, flags: [], payload });
  return true;
}

function open(s: State, event: EndpointEvent & { readonly t: "stream.open" }): void {
  const { sessionId, streamId, payload, qos, ttl, window, meta, credit } = event;
  const ref = refOf(sessionId, streamId);
  // An id in use is not used twice (A5.3), and after HELLO every frame names its session (A2.4).
  if (s.streams.has(ref) || s.finished || (!s.naive && sessionId !== s.sessionId)) return;
  const stream = createStream(sessionId, streamId, 1, 0);
  stream.allowance = credit ?? stream.allowance;
  stream.credit = stream.allowance;
  s.streams.set(ref, stream);
  send(s, stream, SYN_FLAGS, payload, { qos, ttl, window, meta, credit });
}
