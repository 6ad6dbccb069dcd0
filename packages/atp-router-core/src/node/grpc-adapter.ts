import type { OutgoingHttpHeaders } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import {
  EstimateRequestSchema,
  EstimateResponseSchema,
  HealthRequestSchema,
  HealthResponseSchema,
  StreamRequestSchema,
} from "atp-protocol/adapter";
import type { AdapterHealth, Price } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";
import type { AdapterPort, CallContext, CallOptions, Clock } from "../ports/index.js";
import { systemClock } from "../runtime/index.js";
import { PieceReader } from "./chunk-content.js";
import { GrpcChannel } from "./grpc-channel.js";
import { framed } from "./grpc-framing.js";
import { followCall } from "./grpc-leg.js";
import { estimateRequest, streamRequest, toEstimate, toHealth } from "./grpc-messages.js";
import { targetOf } from "./grpc-session.js";
import type { TlsOptions } from "./grpc-session.js";
import { broken, status } from "./grpc-status.js";
import { isLoopback } from "./origin.js";
import type { CallEnd } from "./grpc-status.js";
import type { ServiceToken } from "./service-token.js";

/** Where an adapter is, and what configuration says of it. What is absent it tells itself. */
export interface GrpcAdapterOptions {
  /** `http://host:port` without TLS, `https://host:port` with it; without a port 7070 and 443. */
  readonly url: string;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly price?: Price;
  readonly maxParallel?: number;
  readonly contextTokens?: number;
  /** Authorities, certificate and key for `https:`, asked at each connection. @default the authorities of Node */
  readonly tls?: () => TlsOptions;
  /** What each call shows as `authorization: Bearer`. @default nothing */
  readonly token?: ServiceToken;
  /** Hears of what the adapter does wrong but can be worked with, each once. @default nobody */
  readonly warn?: (message: string) => void;
  /** The router's clock: deadlines are in its milliseconds. @default the system's */
  readonly clock?: Clock;
}

const service = "/atp.adapter.v1.AdapterService/";

interface Method<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

const estimateMethod = { name: "Estimate", input: EstimateRequestSchema, output: EstimateResponseSchema };
const healthMethod = { name: "Health", input: HealthRequestSchema, output: HealthResponseSchema };

/**
 * An adapter over gRPC (part B). Adapters that fill only fields 1 to 11 are full members. It never retries, and connects on its
 * first call.
 * @throws TypeError when the URL is not `http:` or `https:`
 */
export function grpcAdapter(adapter: string | GrpcAdapterOptions): AdapterPort {
  const options: GrpcAdapterOptions = typeof adapter === "string" ? { url: adapter } : adapter;
  const { token, tls } = options;
  const target = targetOf(options.url);
  if (token !== undefined && !target.secure && !isLoopback(target.host))
    throw new TypeError(`${options.url} would get the router's token without TLS: use https:`);
  const channel = new GrpcChannel({ ...target, ...(tls === undefined ? {} : { tls }) }, options.clock ?? systemClock());
  const told = new Set<string>();

  /** A bad member comes with each call: once is enough. */
  function warn(message: string): void {
    const subject = message.split(" is ", 1)[0] ?? message;
    if (told.has(subject)) return;
    told.add(subject);
    options.warn?.(message);
  }

  /** @throws AdapterFailure while there is no token */
  function withToken(metadata: OutgoingHttpHeaders): OutgoingHttpHeaders {
    if (token !== undefined) metadata["authorization"] = `Bearer ${token()}`;
    return metadata;
  }

  return {
    id: options.url,
    configured: configuredOf(options),
    estimate: async (call, callOptions) =>
      toEstimate(
        await unary(channel, estimateMethod, estimateRequest(call), withToken(metadataOf(call)), callOptions),
        warn,
      ),
    open(task, sink) {
      let metadata: OutgoingHttpHeaders;
      try {
        metadata = withToken(metadataOf(task));
      } catch (error) {
        const { failure } = error as AdapterFailure;
        queueMicrotask(() => sink.end({ failure }));
        return { demand: () => undefined, cancel: () => undefined };
      }
      return followCall(
        (listener) => {
          const body = framed(toBinary(StreamRequestSchema, streamRequest(task)));
          const { deadlineAt } = task;
          return channel.start({ path: `${service}Stream`, metadata, body, deadlineAt }, listener);
        },
        new PieceReader(warn),
        sink,
      );
    },
    async health(callOptions) {
      try {
        return toHealth(
          await unary(channel, healthMethod, create(HealthRequestSchema), withToken({}), callOptions),
          warn,
        );
      } catch (error) {
        const cause = (error as { cause?: Partial<CallEnd> }).cause;
        if (cause?.code === status.UNIMPLEMENTED) return { status: "READY", p95Ms: 0, errorRate: 0, info: {} };
        throw error;
      }
    },
    close: () => channel.close(),
  };
}

/** @throws AdapterFailure whose cause is the call's end */
function unary<I extends DescMessage, O extends DescMessage>(
  channel: GrpcChannel,
  { name, input, output }: Method<I, O>,
  request: MessageShape<I>,
  metadata: OutgoingHttpHeaders,
  { deadlineAt, signal }: CallOptions,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(cancelled(false));
      return;
    }
    let answer: Buffer | undefined;
    const body = framed(toBinary(input, request));
    const call = channel.start(
      { path: service + name, metadata, body, deadlineAt },
      {
        message(bytes) {
          if (answer !== undefined) stop(broken(`${name} was answered twice`));
          answer = bytes;
        },
        end(end) {
          signal?.removeEventListener("abort", abort);
          if (end.failure !== undefined) reject(new AdapterFailure(end.failure, end));
          else if (answer === undefined) reject(broken(`${name} was answered with nothing`));
          else resolve(decoded(output, answer, name));
        },
      },
    );
    const stop = (failure: AdapterFailure): void => {
      signal?.removeEventListener("abort", abort);
      call.cancel();
      reject(failure);
    };
    const abort = (): void => stop(cancelled(call.sent));
    signal?.addEventListener("abort", abort, { once: true });
  });
}

function cancelled(sent: boolean): AdapterFailure {
  return new AdapterFailure({ kind: "cancelled", message: "cancelled", sent });
}

function decoded<O extends DescMessage>(output: O, bytes: Buffer, name: string): MessageShape<O> | Promise<never> {
  try {
    return fromBinary(output, bytes);
  } catch (error) {
    return Promise.reject(broken(`the answer to ${name} cannot be read: ${(error as Error).message}`));
  }
}

/** What a header can carry: printable ASCII without blanks around it, and no more than anybody reads. */
const headerValue = /^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/;

/** What every call tells of its origin (B.5). */
function metadataOf({ qos, attempt, session, traceparent }: CallContext): OutgoingHttpHeaders {
  const metadata: OutgoingHttpHeaders = { "atp-qos": qos, "atp-attempt": String(attempt) };
  if (session !== undefined) metadata["atp-session"] = session;
  // It comes from the client: what HTTP cannot carry does not travel.
  if (traceparent !== undefined && headerValue.test(traceparent)) metadata["traceparent"] = traceparent;
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
