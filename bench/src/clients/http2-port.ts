import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  EstimateRequestSchema,
  EstimateResponseSchema,
  HealthResponseSchema,
  StreamChunkSchema,
  StreamRequestSchema,
} from "atp-protocol/adapter";
import { AdapterFailure, type AdapterPort, type CallContext, type Clock, type Failure } from "atp-router-core";
import { failureOf, statusFailure } from "./failures.js";
import { framed, messageReader } from "./framing.js";
import { LegFlow } from "./leg-flow.js";
import { broken, estimateRequest, metadata, streamRequest, toEstimate, toHealth } from "./messages.js";

const service = "/atp.adapter.v1.AdapterService/";

interface Handlers {
  message(message: Buffer): void;
  /** Told once: undefined when the status was OK. */
  end(failure: Failure | undefined): void;
}

/** AdapterPort over `node:http2` and protobuf-es: one session to the adapter, its own framing. */
export function http2Port(url: string, clock: Clock): AdapterPort {
  let session: ClientHttp2Session | undefined;

  function liveSession(): ClientHttp2Session {
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    const fresh = connect(url);
    // Told to each call by its own stream; without a listener it would end the process.
    fresh.on("error", () => undefined);
    fresh.on("goaway", () => fresh.close());
    session = fresh;
    return fresh;
  }

  function request(
    method: string,
    call: CallContext | undefined,
    body: Buffer,
    deadlineAt: number,
    on: Handlers,
  ): ClientHttp2Stream {
    const timeoutMs = Math.max(1, Math.ceil(deadlineAt - clock.now()));
    const headers: OutgoingHttpHeaders = {
      ":method": "POST",
      ":path": service + method,
      "content-type": "application/grpc+proto",
      te: "trailers",
      "grpc-timeout": `${timeoutMs}m`,
    };
    if (call !== undefined) for (const [name, value] of metadata(call)) headers[name] = value;
    const stream = liveSession().request(headers);
    let status: Failure | undefined = { kind: "unavailable", message: "the connection ended", sent: true };
    const read = (from: Record<string, unknown>): void => {
      const code = from["grpc-status"];
      if (code === undefined) return;
      const text = typeof from["grpc-message"] === "string" ? decodeURIComponent(from["grpc-message"]) : "";
      status = code === "0" ? undefined : statusFailure(Number(code), text, false);
    };
    const reader = messageReader((message) => on.message(message));
    stream.on("response", read);
    stream.on("trailers", read);
    stream.on("data", (data: Buffer) => {
      try {
        reader(data);
      } catch (error) {
        status = broken(error instanceof Error ? error.message : String(error)).failure;
        stream.close(constants.NGHTTP2_CANCEL);
      }
    });
    stream.on("error", (error: Error) => {
      status = { kind: "unavailable", message: error.message, sent: true };
    });
    const stopDeadline = clock.at(deadlineAt, () => {
      status = { kind: "timeout", message: "took too long", sent: true };
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on("close", () => {
      stopDeadline();
      on.end(status);
    });
    stream.end(body);
    return stream;
  }

  function unary<Reply>(
    method: string,
    call: CallContext | undefined,
    body: Uint8Array,
    options: { deadlineAt: number; signal?: AbortSignal },
    read: (message: Buffer) => Reply,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      let reply: Reply | undefined;
      const stream = request(method, call, framed(body), options.deadlineAt, {
        message: (message) => (reply = read(message)),
        end: (failure) => {
          if (options.signal?.aborted === true)
            reject(new AdapterFailure({ kind: "cancelled", message: "cancelled", sent: true }));
          else if (failure !== undefined) reject(new AdapterFailure(failure));
          else if (reply === undefined) reject(broken(`${method} answered nothing`));
          else resolve(reply);
        },
      });
      options.signal?.addEventListener("abort", () => stream.close(constants.NGHTTP2_CANCEL), { once: true });
    });
  }

  return {
    id: url,
    estimate: (call, options) =>
      unary("Estimate", call, toBinary(EstimateRequestSchema, estimateRequest(call)), options, (m) =>
        toEstimate(fromBinary(EstimateResponseSchema, m)),
      ),
    health: (options) =>
      unary("Health", undefined, new Uint8Array(), options, (m) => toHealth(fromBinary(HealthResponseSchema, m))),
    open(call, sink) {
      let stream: ClientHttp2Stream | undefined;
      const flow = new LegFlow(sink, { pause: () => stream?.pause(), resume: () => stream?.resume() });
      const noFinal: Failure = { kind: "protocol", message: "the stream ended without a final", sent: true };
      try {
        stream = request("Stream", call, framed(toBinary(StreamRequestSchema, streamRequest(call))), call.deadlineAt, {
          message: (message) => flow.offer(fromBinary(StreamChunkSchema, message)),
          end: (failure) => flow.endOfTransport(failure ?? noFinal),
        });
      } catch (error) {
        // The sink hears of it after this call returned, as of every other failure.
        queueMicrotask(() => flow.fail(failureOf(error)));
      }
      return {
        demand: (n) => flow.demand(n),
        cancel: (reason) => {
          stream?.close(constants.NGHTTP2_CANCEL);
          flow.fail({ kind: "cancelled", message: reason, sent: true });
        },
      };
    },
    close: () => session?.destroy(),
  };
}
