import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import type { ChannelOptions, ServiceError } from "@grpc/grpc-js";
import {
  EstimateRequestSchema,
  EstimateResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
  StreamRequestSchema,
} from "atp-protocol/adapter";
import type { AdapterHealth, Failure, Price } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";
import type { AdapterPort, CallContext, CallOptions, Clock, LegHandle, LegSink, StreamCall } from "../ports/index.js";
import { systemClock } from "../runtime/index.js";
import { PieceReader } from "./chunk-content.js";
import { followCall } from "./grpc-leg.js";
import { estimateRequest, streamRequest, toEstimate, toHealth } from "./grpc-messages.js";
import { statusFailure } from "./grpc-status.js";
import { isLoopback } from "./origin.js";

/** Where an adapter is, and what configuration says of it. What is absent it tells itself. */
export interface GrpcAdapterOptions {
  /** `http://host:port` without TLS, `https://host:port` with it; without a port 7070 and 443. */
  readonly url: string;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly price?: Price;
  readonly maxParallel?: number;
  readonly contextTokens?: number;
  /** Hears of what the adapter does wrong but can be worked with, each once. @default nobody */
  readonly warn?: (message: string) => void;
  /** The router's clock: deadlines are in its milliseconds. @default the system's */
  readonly clock?: Clock;
}

/** Any message of an adapter must fit; the router bounds what it forwards itself. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const channelOptions: ChannelOptions = {
  // An adapter that comes back is found within two seconds; until then its calls fail at once.
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // Servers of other languages cut a client that pings a quiet call more often than each five minutes.
  "grpc.keepalive_time_ms": 310_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  // The router owns retries, so that budgets are charged once.
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  "grpc.service_config_disable_resolution": 1,
  // A router's channels are its own: two routers of one process do not share a connection.
  "grpc.use_local_subchannel_pool": 1,
};

const service = "/atp.adapter.v1.AdapterService/";

function writer<S extends DescMessage>(schema: S): (message: MessageShape<S>) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  };
}

function reader<S extends DescMessage>(schema: S): (bytes: Buffer) => MessageShape<S> {
  return (bytes) => fromBinary(schema, bytes);
}

const estimateMethod = { name: "Estimate", write: writer(EstimateRequestSchema), read: reader(EstimateResponseSchema) };
const healthMethod = { name: "Health", write: writer(HealthRequestSchema), read: reader(HealthResponseSchema) };
const writeStreamRequest = writer(StreamRequestSchema);
/** Chunks are read by hand, see the chunk reader. */
const asIs = (bytes: Buffer): Buffer => bytes;

/** Either kind of call of the library, as far as its end is concerned. */
interface Call {
  cancel(): void;
  getPeer(): string;
}

/**
 * An adapter over gRPC (part B). Adapters that fill only fields 1 to 11 are full members. It never retries, and connects on its
 * first call.
 * @throws TypeError when the URL is not `http:` or `https:`
 */
export function grpcAdapter(adapter: string | GrpcAdapterOptions): AdapterPort {
  const options: GrpcAdapterOptions = typeof adapter === "string" ? { url: adapter } : adapter;
  const clock = options.clock ?? systemClock();
  const client = connect(options.url);
  const target = client.getChannel().getTarget();
  const running = new Set<() => void>();
  const told = new Set<string>();
  let closed = false;

  /** A bad member comes with each call: once is enough. */
  function warn(message: string): void {
    const subject = message.split(" is ", 1)[0] ?? message;
    if (told.has(subject)) return;
    told.add(subject);
    options.warn?.(message);
  }

  /** Whether an ended call had a connection: the library names its peer then, and the channel's target otherwise. */
  function connected(call: Call): boolean {
    return call.getPeer() !== target;
  }

  function deadline(deadlineAt: number): number {
    return Date.now() + Math.max(0, deadlineAt - clock.now());
  }

  function unary<I, O>(
    method: { readonly name: string; readonly write: (request: I) => Buffer; readonly read: (bytes: Buffer) => O },
    request: I,
    metadata: Metadata,
    { deadlineAt, signal }: CallOptions,
  ): Promise<O> {
    return new Promise((resolve, reject) => {
      if (closed || signal?.aborted === true) {
        reject(new AdapterFailure(closed ? gone(false) : { kind: "cancelled", message: "cancelled", sent: false }));
        return;
      }
      const call = client.makeUnaryRequest(
        service + method.name,
        method.write,
        method.read,
        request,
        metadata,
        { deadline: deadline(deadlineAt) },
        (error, answer) => {
          running.delete(cancel);
          signal?.removeEventListener("abort", cancel);
          if (error === null && answer !== undefined) resolve(answer);
          else if (error !== null) reject(failed(error, call, signal?.aborted ?? false));
        },
      );
      const cancel = (): void => call.cancel();
      running.add(cancel);
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  function failed(error: ServiceError, call: Call, cancelledHere: boolean): AdapterFailure {
    if (closed) return new AdapterFailure(gone(connected(call)), error);
    return new AdapterFailure(statusFailure(error, { cancelledHere, connected: connected(call) }), error);
  }

  function open(task: StreamCall, sink: LegSink): LegHandle {
    if (closed) {
      // Like every other failure it is told after this call returned.
      queueMicrotask(() => sink.end({ failure: gone(false) }));
      return { demand: () => undefined, cancel: () => undefined };
    }
    const call = client.makeServerStreamRequest(
      `${service}Stream`,
      writeStreamRequest,
      asIs,
      streamRequest(task),
      metadataOf(task),
      { deadline: deadline(task.deadlineAt) },
    );
    const cancel = (): void => call.cancel();
    running.add(cancel);
    return followCall(call, sink, {
      reader: new PieceReader(warn),
      failureOf: (error) =>
        closed ? gone(connected(call)) : statusFailure(error, { cancelledHere: false, connected: connected(call) }),
      sent: () => connected(call),
      ended: () => running.delete(cancel),
    });
  }

  return {
    id: options.url,
    configured: configuredOf(options),
    estimate: async (call, callOptions) =>
      toEstimate(await unary(estimateMethod, estimateRequest(call), metadataOf(call), callOptions), warn),
    open,
    async health(callOptions) {
      try {
        return toHealth(await unary(healthMethod, create(HealthRequestSchema), new Metadata(), callOptions), warn);
      } catch (error) {
        const cause = (error as { cause?: Partial<ServiceError> }).cause;
        if (cause?.code === status.UNIMPLEMENTED) return { status: "READY", p95Ms: 0, errorRate: 0, info: {} };
        throw error;
      }
    },
    close() {
      closed = true;
      for (const cancel of [...running]) cancel();
      client.close();
    },
  };
}

/** The failure of a call on a port that was closed. */
function gone(sent: boolean): Failure {
  return { kind: "unavailable", message: "the router closed its connection", sent };
}

function connect(address: string): Client {
  const url = new URL(address);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new TypeError(`${address} is not an http: or https: URL`);
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 7070) : url.port;
  return new Client(
    `${url.hostname}:${port}`,
    secure ? credentials.createSsl() : credentials.createInsecure(),
    // A proxy of the environment leads out of this machine.
    isLoopback(url.hostname) ? { ...channelOptions, "grpc.enable_http_proxy": 0 } : channelOptions,
  );
}

/** What every call tells of its origin (B.5). */
function metadataOf(call: CallContext): Metadata {
  const metadata = new Metadata();
  metadata.set("atp-qos", call.qos);
  metadata.set("atp-attempt", String(call.attempt));
  if (call.session !== undefined) metadata.set("atp-session", call.session);
  // It comes from the client: what HTTP cannot carry does not travel.
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
