import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  EstimateRequestSchema,
  EstimateResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
  StreamChunkSchema,
  StreamRequestSchema,
} from "atp-protocol/adapter";
import { AdapterFailure, type AdapterPort, type CallContext, type CallOptions, type Clock } from "atp-router-core";
import { statusFailure } from "./failures.js";
import { LegFlow } from "./leg-flow.js";
import { estimateRequest, metadata, streamRequest, toEstimate, toHealth } from "./messages.js";

const service = "/atp.adapter.v1.AdapterService/";
const asIs = (bytes: Buffer): Buffer => bytes;

/** AdapterPort over `@grpc/grpc-js`, as the router used it: messages are read outside the library, retries and channelz are off. */
export function grpcjsPort(url: string, clock: Clock): AdapterPort {
  const client = new Client(new URL(url).host, credentials.createInsecure(), {
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2_000,
    "grpc.keepalive_time_ms": 310_000,
    "grpc.enable_retries": 0,
    "grpc.enable_channelz": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
  });

  const deadline = (deadlineAt: number): number => Date.now() + Math.max(0, deadlineAt - clock.now());

  function unary(
    method: string,
    body: Uint8Array,
    call: CallContext | undefined,
    { deadlineAt, signal }: CallOptions,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const running = client.makeUnaryRequest(
        service + method,
        asIs,
        asIs,
        Buffer.from(body.buffer, body.byteOffset, body.length),
        metadataOf(call),
        { deadline: deadline(deadlineAt) },
        (error, answer) => {
          signal?.removeEventListener("abort", cancel);
          if (error !== null) reject(failed(error, signal?.aborted === true));
          else if (answer !== undefined) resolve(answer);
        },
      );
      const cancel = (): void => running.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  return {
    id: url,
    estimate: async (call, options) => {
      const body = toBinary(EstimateRequestSchema, estimateRequest(call));
      return toEstimate(fromBinary(EstimateResponseSchema, await unary("Estimate", body, call, options)));
    },
    health: async (options) => {
      const body = toBinary(HealthRequestSchema, { $typeName: "atp.adapter.v1.HealthRequest" });
      return toHealth(fromBinary(HealthResponseSchema, await unary("Health", body, undefined, options)));
    },
    open(call, sink) {
      const body = toBinary(StreamRequestSchema, streamRequest(call));
      const running: ClientReadableStream<Buffer> = client.makeServerStreamRequest(
        `${service}Stream`,
        asIs,
        asIs,
        Buffer.from(body.buffer, body.byteOffset, body.length),
        metadataOf(call),
        { deadline: deadline(call.deadlineAt) },
      );
      const flow = new LegFlow(sink, { pause: () => running.pause(), resume: () => running.resume() });
      running.on("data", (bytes: Buffer) => flow.offer(fromBinary(StreamChunkSchema, bytes)));
      running.on("error", (error: ServiceError) => flow.endOfTransport(failed(error, false).failure));
      running.on("end", () =>
        flow.endOfTransport({ kind: "protocol", message: "the stream ended without a final", sent: true }),
      );
      return {
        demand: (n) => flow.demand(n),
        cancel: (reason) => {
          running.cancel();
          flow.fail({ kind: "cancelled", message: reason, sent: true });
        },
      };
    },
    close: () => client.close(),
  };
}

function metadataOf(call: CallContext | undefined): Metadata {
  const out = new Metadata();
  if (call !== undefined) for (const [name, value] of metadata(call)) out.set(name, value);
  return out;
}

function failed(error: ServiceError, cancelledHere: boolean): AdapterFailure {
  const message = error.details === "" ? (status[error.code] ?? `status ${error.code}`) : error.details;
  return new AdapterFailure(statusFailure(error.code, message, cancelledHere), error);
}
