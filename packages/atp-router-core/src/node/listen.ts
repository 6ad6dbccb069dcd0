import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { AtpError, closeCodes, defaultLimits } from "atp-protocol";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { CBOR_SUBPROTOCOL, JSON_SUBPROTOCOL } from "../runtime/index.js";
import type { Router, SocketHandler, WireCodec } from "../runtime/index.js";
import { credentialsOf, httpApi, pathOf, refuse } from "./http-api.js";
import type { MetricsSource } from "./http-api.js";
import { isLoopback, refusedOrigin } from "./origin.js";
import type { OriginRules } from "./origin.js";
import { socketPort } from "./socket.js";

/** Options of {@link listen}. */
export interface ListenOptions {
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** 0 takes a free one. @default 7443 */
  readonly port?: number;
  /** Origins of browsers that may connect, beside the listener's own. @default none */
  readonly allowedOrigins?: readonly string[];
  /** Host names a loopback listener answers to, beside loopback ones. @default none */
  readonly allowedHosts?: readonly string[];
  /** What `GET /metrics` answers. @default nothing */
  readonly metrics?: MetricsSource;
  /** The router's `max_frame_bytes`; a socket takes four times that. @default 262144 */
  readonly maxFrameBytes?: number;
}

/** A router's door. */
export interface Listener {
  /** `http://host:port` */
  readonly url: string;
  readonly port: number;
  /** Stops listening, closes what is still connected with 4000 and destroys it after a second. Drain the router first. */
  close(): Promise<void>;
}

const spoken: ReadonlySet<string> = new Set([JSON_SUBPROTOCOL, CBOR_SUBPROTOCOL]);
/** How long connections may take to close. */
const CLOSING_MS = 1_000;
/** How long a refused socket may take to read its close. */
const REFUSED_MS = 1_000;

/** Listens for WebSocket at `/ws` and HTTP (part C) on one port. */
export async function listen(router: Router, options: ListenOptions = {}): Promise<Listener> {
  const host = options.host ?? "127.0.0.1";
  const rules: OriginRules = {
    loopback: isLoopback(host),
    allowedOrigins: options.allowedOrigins ?? [],
    allowedHosts: options.allowedHosts ?? [],
  };
  const api = httpApi(router, options.metrics);
  const server = createServer((request, response) => {
    const refused = refusedOrigin(request, rules);
    if (refused === undefined) api(request, response);
    else refuse(response, new AtpError("ESEC", refused));
  });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 4 * (options.maxFrameBytes ?? defaultLimits.max_frame_bytes),
    // The first name offered is echoed even when nobody speaks it: a browser sees the close code only of a socket that opened.
    handleProtocols: (offered) => [...offered].find((name) => spoken.has(name)) ?? [...offered][0] ?? false,
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", destroyBroken);
    if (pathOf(request) !== "/ws") {
      socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      return;
    }
    const upgrade = (codec?: WireCodec): void =>
      sockets.handleUpgrade(request, socket, head, (ws) => accept(router, ws, request, rules, codec));
    if (request.headers["sec-websocket-protocol"]?.includes(CBOR_SUBPROTOCOL) !== true) upgrade();
    else cborCodec().then(upgrade, () => socket.destroy());
  });
  const address = await bind(server, host, options.port ?? 7443);
  const shown = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${shown}:${address.port}`,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        // It closes when the last connection is gone; a frame and its close that were just written get there first.
        const late = setTimeout(() => {
          server.closeAllConnections();
          for (const ws of sockets.clients) ws.terminate();
        }, CLOSING_MS);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        server.closeIdleConnections();
        // What this turn of the event loop has said leaves at its end.
        setImmediate(() => {
          for (const ws of sockets.clients) ws.close(closeCodes.goingAway, "the router shuts down");
        });
      }),
  };
}

/** Stands alone: a function made for each upgrade would hold on to its request for as long as the socket lives. */
function destroyBroken(this: Duplex): void {
  this.destroy();
}

function bind(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

let cbor: Promise<WireCodec> | undefined;

/** Loaded when a client first offers it. */
function cborCodec(): Promise<WireCodec> {
  cbor ??= import("atp-protocol/cbor").then(({ encodeCborFrame: encode, decodeCborFrame: decode }) => ({
    encode,
    decode,
  }));
  return cbor;
}

function accept(
  router: Router,
  ws: WebSocket,
  request: IncomingMessage,
  rules: OriginRules,
  codec: WireCodec | undefined,
): void {
  // Its close is on the way (1007, 1009): the peer gets time to read it.
  ws.on("error", broken);
  const refused = refusedOrigin(request, rules);
  // Only names that are not ours: a client of another version. Without any name it is JSON.
  const unknown = ws.protocol !== "" && !spoken.has(ws.protocol);
  if (refused !== undefined || unknown) {
    // A reason has 123 bytes: what the peer sent is not repeated in it.
    if (refused !== undefined) ws.close(closeCodes.forbidden, "this host or origin is not allowed");
    else ws.close(closeCodes.version, `the router speaks ${[...spoken].join(" and ")}`);
    terminateSoon(ws);
    return;
  }
  const open = ws as OpenSocket;
  open.atp = router.connect(
    socketPort(ws, () => open.atp),
    {
      remote: request.socket.remoteAddress ?? "unknown",
      subprotocol: ws.protocol,
      credentials: credentialsOf(request),
      ...(ws.protocol === CBOR_SUBPROTOCOL && codec !== undefined ? { codec } : {}),
    },
  );
  ws.on("message", heard);
  ws.on("pong", alive);
  ws.on("close", closed);
}

/** A socket that speaks with the router. It has its handler, so that its listeners are one for all. */
interface OpenSocket extends WebSocket {
  atp: SocketHandler;
}

function broken(this: WebSocket): void {
  terminateSoon(this);
}

function heard(this: WebSocket, data: Buffer, binary: boolean): void {
  const { atp } = this as OpenSocket;
  if (binary) atp.binary(data);
  else atp.text(data.toString("utf8"));
}

function alive(this: WebSocket): void {
  (this as OpenSocket).atp.alive();
}

function closed(this: WebSocket, code: number, reason: Buffer): void {
  (this as OpenSocket).atp.closed(code, reason.toString("utf8"));
}

function terminateSoon(ws: WebSocket): void {
  setTimeout(() => ws.terminate(), REFUSED_MS).unref();
}
