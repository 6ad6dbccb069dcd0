/** A server at the level of HTTP/2, for what no gRPC server does on purpose. */
import { createSecureServer, createServer } from "node:http2";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream, Settings } from "node:http2";
import type { AddressInfo } from "node:net";
import { framed } from "../../../src/node/grpc-framing.js";

/** What it does with a call. */
export type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, n: number) => void;

/** A running server. */
export interface RawServer {
  readonly port: number;
  /** In the order of their connections, closed ones too. */
  readonly sessions: ServerHttp2Session[];
  readonly streams: ServerHttp2Stream[];
  /** Resolves when so many calls came. */
  called(n: number): Promise<void>;
  kill(): void;
}

/** Serves on a free loopback port; over TLS with a key. */
export async function serveHttp2(
  onStream: OnStream,
  settings: Settings = {},
  tls?: { readonly key: string; readonly cert: string },
): Promise<RawServer> {
  const server: Http2Server = tls === undefined ? createServer({ settings }) : createSecureServer({ settings, ...tls });
  const sessions: ServerHttp2Session[] = [];
  const streams: ServerHttp2Stream[] = [];
  const waiting = new Set<() => void>();
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => undefined);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    streams.push(stream);
    onStream(stream, headers, streams.length);
    for (const look of waiting) look();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    streams,
    called: (n) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (streams.length >= n) resolve();
        };
        waiting.add(look);
        look();
      }),
    kill() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

/** Answers as gRPC does. */
export function answer(stream: ServerHttp2Stream, ...messages: string[]): void {
  begin(stream, ...messages);
  finish(stream);
}

/** The head and some messages of an answer. */
export function begin(stream: ServerHttp2Stream, ...messages: string[]): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  for (const message of messages) stream.write(framed(Buffer.from(message)));
}

/** The end of an answer that began. */
export function finish(stream: ServerHttp2Stream, trailers: Record<string, string> = { "grpc-status": "0" }): void {
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end();
}

/** An answer of headers alone. */
export function headOnly(stream: ServerHttp2Stream, headers: Record<string, string | number>): void {
  stream.respond(headers, { endStream: true });
}
