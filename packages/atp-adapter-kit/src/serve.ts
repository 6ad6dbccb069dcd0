/**
 * An adapter on a port: gRPC over HTTP/2 without TLS, with health and reflection, and an orderly end.
 */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type SecureServerOptions,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Authorize, authorizing, isLoopback, OpenDoorError } from "./authorize.js";
import { AdapterService, file_atp_adapter_v1_adapter } from "atp-protocol/adapter";
import { file_grpc_health_v1_health, Health } from "./gen/grpc/health/v1/health_pb.js";
import { file_grpc_reflection_v1_reflection, ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.js";
import {
  file_grpc_reflection_v1alpha_reflection,
  ServerReflection as ServerReflectionAlpha,
} from "./gen/grpc/reflection/v1alpha/reflection_pb.js";
import { healthService } from "./grpc-health.js";
import { reflectionHandler } from "./grpc-reflection.js";
import { type Logger, silentLogger } from "./logger.js";
import { type AdapterServer, createAdapterServer } from "./service.js";
import type { Adapter } from "./types.js";

/** A request may hold the largest message of the wire (8 MiB) twice: as prompt and as memory. */
const maxRequestBytes = 16 * 1_024 * 1_024;
const sessionGraceMs = 1_000;

type AnyServer = Http2Server | Http2SecureServer;

/** Certificates as PEM. */
export interface ServeTls {
  readonly cert: string;
  readonly key: string;
  /** Callers must show a certificate of this authority (mutual TLS). @default they need none */
  readonly ca?: string;
}

/** Options of {@link serveAdapter}. */
export interface ServeOptions {
  /** @default HTTP/2 without TLS */
  readonly tls?: ServeTls;
  /**
   * Judges each call by the bearer token it shows; throws to refuse it. `grpc.health.v1` is answered without.
   * @default every call is taken
   */
  readonly authorize?: Authorize;
  /** Listen beyond loopback although callers show neither a certificate nor a token. @default false */
  readonly allowAnonymous?: boolean;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** 0 takes a free one. @default 7070 */
  readonly port?: number;
  /** How long running calls may go on after `close` or a signal. @default 10000 */
  readonly drainMs?: number;
  /** End the process on SIGTERM and SIGINT: drain, then exit 0. @default true */
  readonly handleSignals?: boolean;
  /** @default nothing is logged */
  readonly log?: Logger;
}

/** A served adapter. */
export interface ServedAdapter {
  /** `http://host:port` */
  readonly url: string;
  readonly port: number;
  /** Drains and stops: new calls are refused, running ones get `drainMs`. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Serves an adapter.
 *
 * @throws Error when it would listen beyond loopback and anybody could call it
 * @throws the system's error when the address cannot be bound, such as `EADDRINUSE`
 */
export async function serveAdapter(adapter: Adapter, options: ServeOptions = {}): Promise<ServedAdapter> {
  const { host = "127.0.0.1", port = 7070, drainMs = 10_000, handleSignals = true, log = silentLogger } = options;
  const { tls, authorize } = options;
  if (!isLoopback(host) && tls?.ca === undefined && authorize === undefined && options.allowAnonymous !== true)
    throw new OpenDoorError(host);
  const service = createAdapterServer(adapter, { log, now: () => performance.now() });
  const shutdown = new AbortController();
  const handler = requestHandler(service, shutdown.signal, authorize);
  const server = tls === undefined ? createServer(handler) : createSecureServer(secureOptions(tls), handler);
  const sessions = trackSessions(server);
  const bound = await listen(server, host, port);
  const url = `${tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${String(bound)}`;

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= drainAndStop(service, shutdown, server, sessions, drainMs).finally(() => {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
    });
    return closing;
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info("draining", { signal });
    void close().then(() => process.exit(0));
  };
  if (handleSignals) {
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  }
  return { url, port: bound, close };
}

function secureOptions({ cert, key, ca }: ServeTls): SecureServerOptions {
  return { cert, key, ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }) };
}

function requestHandler(
  service: AdapterServer,
  shutdownSignal: AbortSignal,
  authorize: Authorize | undefined,
): ReturnType<typeof connectNodeAdapter> {
  const reflect = reflectionHandler([
    file_atp_adapter_v1_adapter,
    file_grpc_health_v1_health,
    file_grpc_reflection_v1_reflection,
    file_grpc_reflection_v1alpha_reflection,
  ]);
  return connectNodeAdapter({
    grpcWeb: false,
    connect: false,
    readMaxBytes: maxRequestBytes,
    shutdownSignal,
    // Chunks are small and the router is near: compressing them costs more than it saves.
    acceptCompression: [],
    interceptors: authorize === undefined ? [] : [authorizing(authorize)],
    routes: (router) => {
      router.service(AdapterService, service.implementation);
      router.service(Health, healthService(service));
      router.service(ServerReflection, { serverReflectionInfo: reflect });
      router.service(ServerReflectionAlpha, { serverReflectionInfo: reflect });
    },
  });
}

async function drainAndStop(
  service: AdapterServer,
  shutdown: AbortController,
  server: AnyServer,
  sessions: ReadonlySet<ServerHttp2Session>,
  drainMs: number,
): Promise<void> {
  service.drain();
  await withTimeout(service.idle(), drainMs);
  // Ends what still runs, and the open watches: their callers read a status instead of a reset.
  shutdown.abort(new ConnectError("the adapter has shut down", Code.Unavailable));
  const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close();
  await withTimeout(stopped, sessionGraceMs);
  for (const session of sessions) session.destroy();
  await stopped;
}

function trackSessions(server: AnyServer): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // A peer that resets its connection is its own business; without a listener it would end the process.
    session.on("error", () => undefined);
  });
  return sessions;
}

function listen(server: AnyServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Resolves with the promise or after the time, whichever comes first. */
async function withTimeout(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([promise, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
