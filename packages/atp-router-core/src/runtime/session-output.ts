import { AtpError, payloadTypes } from "atp-protocol";
import type { EndpointEvent, Payload, StreamRef } from "atp-protocol";
import type { StreamOutput } from "./host.js";

/** What a stream's output needs of its session. */
export interface OutputTools {
  readonly now: () => number;
  readonly step: (event: EndpointEvent) => void;
  /** A window update with its number. */
  readonly numbered: (ref: StreamRef, payload: Payload) => Payload;
  /** The stream is ending: it takes no more events. */
  readonly ended: (ref: StreamRef) => void;
  /** Its end was told. */
  readonly settled: () => void;
}

/** What a stream says, as commands of its session's endpoint. */
export function streamOutput({ now, step, numbered, ended, settled }: OutputTools): StreamOutput {
  return {
    accept: (stream, qos, window) => step({ t: "stream.accept", at: now(), stream, qos, window }),
    send: (stream, payload, mergeKey) =>
      step({
        t: "stream.send",
        at: now(),
        stream,
        message: mergeKey === undefined ? { payload } : { payload, mergeKey },
      }),
    control(stream, payload) {
      const told = payload.type === payloadTypes.windowUpdate ? numbered(stream, payload) : payload;
      step({ t: "stream.control", at: now(), stream, payload: told });
    },
    end(stream, end) {
      ended(stream);
      const { telemetry } = end;
      const at = now();
      if (end.by === "error") {
        const payload = { type: payloadTypes.error, content: end.error };
        step({ t: "stream.end", at, stream, flag: "RST", payload, telemetry });
      } else {
        const payload = {
          type: payloadTypes.final,
          content: end.content,
          ...(end.confidence === undefined ? {} : { confidence: end.confidence }),
        };
        step({ t: "stream.end", at, stream, flag: "FIN", payload, telemetry });
      }
      settled();
    },
    explained: () => undefined,
  };
}

/** What a client is told that sends input nobody asked for. */
export function unaskedInput(): Payload {
  const message = "This stream asked no question: its input was not used.";
  return {
    type: payloadTypes.error,
    content: new AtpError("EPROTO", message, { details: { rule: "A4" } }).toContent(),
  };
}

/** A refusal before anything was asked: an RST with a bill of zeros (A11). */
export function refusedEnd(stream: StreamRef, error: AtpError, at: number): EndpointEvent {
  const telemetry = { tokens: 0, usd: 0, latency_ms: 0, in_tokens: 0, out_tokens: 0, adapters: [] };
  const payload = { type: payloadTypes.error, content: error.toContent() };
  return { t: "stream.end", at, stream, flag: "RST", payload, telemetry };
}
