import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { credentials, makeGenericClientConstructor, Metadata, status } from "@grpc/grpc-js";
import type {
  CallOptions as GrpcOptions,
  Client,
  ClientReadableStream,
  MethodDefinition,
  ServiceError,
} from "@grpc/grpc-js";
import {
  EstimateRequestSchema,
  EstimateResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
  StreamChunkSchema,
  StreamRequestSchema,
} from "atp-protocol/adapter";
import type { StreamChunk, StreamRequest } from "atp-protocol/adapter";
import { create } from "@bufbuild/protobuf";
import type { AdapterHealth, Price } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";
import type { AdapterPort, CallContext, CallOptions, Clock } from "../ports/index.js";
import { systemClock } from "../runtime/index.js";
import { followCall } from "./grpc-leg.js";
import { estimateRequest, streamRequest, toEstimate, toHealth } from "./grpc-messages.js";
import { statusFailure } from "./grpc-status.js";

/** Where an adapter is, and what configuration says of it. What is absent it tells itself. */
export interface GrpcAdapterOptions {
  /** `http://host:port` without TLS, `https://host:port` with it. */
  readonly url: string;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly price?: Price;
  readonly maxParallel?: number;
  readonly contextTokens?: number;
  /** The router's clock: deadlines are in its milliseconds. @default the system's */
  readonly clock?: Clock;
}

/** Any message of an adapter must fit; the router bounds what it forwards itself. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const channelOptions = {
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.min_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  // A router's channels are its own: two routers of one process do not share a connection's flow control.
  "grpc.use_local_subchannel_pool": 1,
};

function method<I extends DescMessage, O extends DescMessage>(
  name: string,
  input: I,
  output: O,
  responseStream: boolean,
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
  const serialize =
    <S extends DescMessage>(schema: S) =>
    (message: MessageShape<S>): Buffer => {
      const bytes = toBinary(schema, message);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    };
  return {
    path: `/atp.adapter.v1.AdapterService/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: serialize(input),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: serialize(output),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

const methods = {
  estimate: method("Estimate", EstimateRequestSchema, EstimateResponseSchema, false),
  stream: method("Stream", StreamRequestSchema, StreamChunkSchema, true),
  health: method("Health", HealthRequestSchema, HealthResponseSchema, false),
};

type Unary<I, O> = (
  request: I,
  metadata: Metadata,
  options: GrpcOptions,
  done: (error: ServiceError | null, answer?: O) => void,
) => { cancel(): void };

interface AdapterClient extends Client {
  estimate: Unary<MessageShape<typeof EstimateRequestSchema>, MessageShape<typeof EstimateResponseSchema>>;
  health: Unary<MessageShape<typeof HealthRequestSchema>, MessageShape<typeof HealthResponseSchema>>;
  stream: (request: StreamRequest, metadata: Metadata, options: GrpcOptions) => ClientReadableStream<StreamChunk>;
}

const Constructor = makeGenericClientConstructor(methods, "AdapterService");

/**
 * An adapter over gRPC (part B). Adapters that fill only fields 1 to 11 are full members.
 * @throws TypeError when the URL is not `http:` or `https:`
 */
export function grpcAdapter(adapter: string | GrpcAdapterOptions): AdapterPort {
  const options: GrpcAdapterOptions = typeof adapter === "string" ? { url: adapter } : adapter;
  const url = new URL(options.url);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new TypeError(`${options.url} is not an http: or https: URL`);
  const secure = url.protocol === "https:";
  const target = `${url.hostname}:${url.port === "" ? (secure ? 443 : 7070) : url.port}`;
  const clock = options.clock ?? systemClock();
  const client = new Constructor(
    target,
    secure ? credentials.createSsl() : credentials.createInsecure(),
    channelOptions,
  ) as unknown as AdapterClient;

  function unary<I, O>(
    call: Unary<I, O>,
    request: I,
    metadata: Metadata,
    { deadlineAt, signal }: CallOptions,
  ): Promise<O> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(new AdapterFailure({ kind: "cancelled", message: "cancelled", sent: false }));
        return;
      }
      const abort = (): void => running.cancel();
      const running = call.call(client, request, metadata, { deadline: wallDeadline(deadlineAt) }, (error, answer) => {
        signal?.removeEventListener("abort", abort);
        if (error === null && answer !== undefined) resolve(answer);
        else if (error !== null) reject(new AdapterFailure(statusFailure(error, signal?.aborted ?? false), error));
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  function wallDeadline(deadlineAt: number): number {
    return Date.now() + Math.max(0, deadlineAt - clock.now());
  }

  return {
    id: options.url,
    configured: configuredOf(options),
    estimate: async (call, callOptions) =>
      toEstimate(await unary(client.estimate, estimateRequest(call), metadataOf(call), callOptions)),
    open: (call, sink) =>
      followCall(
        client.stream(streamRequest(call), metadataOf(call), { deadline: wallDeadline(call.deadlineAt) }),
        sink,
      ),
    async health(callOptions) {
      try {
        return toHealth(await unary(client.health, create(HealthRequestSchema), new Metadata(), callOptions));
      } catch (error) {
        const cause = (error as { cause?: Partial<ServiceError> }).cause;
        if (cause?.code === status.UNIMPLEMENTED) return { status: "READY", p95Ms: 0, errorRate: 0, info: {} };
        throw error;
      }
    },
    close: () => client.close(),
  };
}

/** What every call tells of its origin (B.5). */
function metadataOf(call: CallContext): Metadata {
  const metadata = new Metadata();
  metadata.set("atp-qos", call.qos);
  metadata.set("atp-attempt", String(call.attempt));
  if (call.session !== undefined) metadata.set("atp-session", call.session);
  if (call.traceparent !== undefined && /^[\x20-\x7e]*$/.test(call.traceparent))
    metadata.set("traceparent", call.traceparent);
  return metadata;
}

function configuredOf({ name, tags, price, maxParallel, contextTokens }: GrpcAdapterOptions): AdapterHealth["info"] {
  return {
    ...(name === undefined ? {} : { name }),
    ...(tags === undefined ? {} : { tags }),
    ...(price === undefined ? {} : { price }),
    ...(maxParallel === undefined ? {} : { maxParallel }),
    ...(contextTokens === undefined ? {} : { contextTokens }),
  };
}
