import { payloadTypes } from "../frame/payload.js";
import { errorOf } from "./failure.js";
import { endLocally } from "./fragment.js";
import { send } from "./sender.js";
import { createStream, refOf, type State } from "./state.js";
import type { EndpointEvent } from "./types.js";

const SYN_FLAGS: readonly string[] = ["SYN"];
const FIN_FLAGS: readonly string[] = ["FIN"];
const RST_FLAGS: readonly string[] = ["RST"];

/** Client: a command of its host. */
export function commandClient(s: State, event: EndpointEvent): void {
  switch (event.t) {
    case "stream.open":
      open(s, event);
      return;
    case "stream.cancel": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.finished || stream.cancelled) return;
      stream.cancelled = true;
      stream.queue = stream.queue.filter((item) => item.flags === SYN_FLAGS);
      if (stream.outSeq < stream.first) {
        // The SYN never left: nothing is to be undone.
        endLocally(s, stream, errorOf("ECANCELLED", "A9.5", "cancelled before it was sent"));
        return;
      }
      const content = event.reason === undefined ? {} : { reason: event.reason };
      send(s, stream, { flags: RST_FLAGS, payload: { type: payloadTypes.cancel, content }, control: false });
      return;
    }
    case "stream.end": {
      const stream = s.streams.get(event.stream);
      if (stream === undefined || stream.finished || stream.inputEnded || event.flag !== "FIN") return;
      stream.inputEnded = true;
      send(s, stream, { flags: FIN_FLAGS, payload: event.payload, control: false });
      return;
    }
    default:
  }
}

function open(s: State, event: EndpointEvent & { readonly t: "stream.open" }): void {
  const ref = refOf(event.sessionId, event.streamId);
  // An id is never used twice (A5.3), and after HELLO every frame names its session (A2.4).
  if (s.streams.has(ref) || s.past.has(ref) || s.finished) return;
  if (!s.naive && event.sessionId !== s.sessionId) return;
  const stream = createStream(event.sessionId, event.streamId, 1, 0, undefined);
  if (event.credit !== undefined) stream.allowance = event.credit;
  stream.credit = stream.allowance;
  s.streams.set(ref, stream);
  s.open++;
  const more = {
    ...(event.qos === undefined ? {} : { qos: event.qos }),
    ...(event.ttl === undefined ? {} : { ttl: event.ttl }),
    ...(event.window === undefined ? {} : { window: event.window }),
    ...(event.meta === undefined ? {} : { meta: event.meta }),
    ...(event.credit === undefined ? {} : { credit: event.credit }),
  };
  send(s, stream, { flags: SYN_FLAGS, payload: event.payload, more, control: false });
}
