import type { ErrorContent } from "../frame/errors.js";
import { NOTHING_SPENT } from "./failure.js";
import type { State, Stream } from "./state.js";

/** Client: ends a stream that never left this side, as the router would have refused it. */
export function endLocally(s: State, stream: Stream, error: ErrorContent): void {
  s.streams.delete(stream.ref);
  stream.ended = true;
  stream.queue = [];
  s.fx.push({
    t: "stream.ended",
    stream: stream.ref,
    by: "RST",
    frame: {
      v: 1,
      session_id: stream.sessionId,
      stream_id: stream.streamId,
      msg_seq: stream.first + 1,
      flags: ["RST"],
      payload: { type: "error", content: error },
      telemetry: NOTHING_SPENT,
    },
  });
}
