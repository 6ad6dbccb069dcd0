import { createHash, randomBytes } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { closePayload, FrameReader, OPCODE, writeFrame } from "./ws-frames.js";

/** How a socket is opened. */
export interface OpenOptions {
  readonly subprotocols?: readonly string[] | undefined;
  readonly origin?: string | undefined;
  /** The header `Host`, when it is not the URL's. */
  readonly host?: string | undefined;
  readonly token?: string | undefined;
}

/** What a socket tells: whole messages in order, then its end, once. */
export interface SocketEvents {
  message(data: string | Buffer): void;
  closed(code: number): void;
}

/** A client's WebSocket that does as it is told, also what RFC 6455 forbids. */
export interface RawWebSocket {
  readonly subprotocol: string | undefined;
  send(text: string): void;
  /** One frame with any bytes. */
  sendBytes(opcode: number, bytes: Buffer): void;
  close(code: number): void;
  /** Destroys the connection without a word. */
  destroy(): void;
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * Opens a WebSocket (RFC 6455) over TCP or TLS, without a library and without compression, so that headers and bytes are the
 * suite's own.
 * @throws Error when the server does not complete the handshake.
 */
export async function openWebSocket(url: string, options: OpenOptions, events: SocketEvents): Promise<RawWebSocket> {
  const { protocol, hostname, port, pathname, search, host } = new URL(url);
  const secure = protocol === "wss:";
  const number = Number(port === "" ? (secure ? 443 : 80) : port);
  const bare = hostname.replace(/^\[|\]$/g, "");
  const socket: Socket = secure ? connectTls(number, bare, { servername: bare }) : connectTcp(number, bare);
  socket.setNoDelay(true);
  const key = randomBytes(16).toString("base64");
  const headers = [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${options.host ?? host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...((options.subprotocols?.length ?? 0) > 0 ? [`Sec-WebSocket-Protocol: ${options.subprotocols?.join(", ")}`] : []),
    ...(options.origin === undefined ? [] : [`Origin: ${options.origin}`]),
    ...(options.token === undefined ? [] : [`Authorization: Bearer ${options.token}`]),
  ];
  socket.write(`${headers.join("\r\n")}\r\n\r\n`);
  const { head, rest } = await readHead(socket);
  const accept = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  if (!/^HTTP\/1\.1 101 /.test(head) || !head.includes(accept)) {
    socket.destroy();
    throw new Error(`the handshake failed: ${head.split("\r\n")[0]}`);
  }
  return attach(socket, rest, /^sec-websocket-protocol: *(.+)$/im.exec(head)?.[1]?.trim(), events);
}

function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    const stop = (error: Error): void => reject(error);
    const onData = (data: Buffer): void => {
      read = Buffer.concat([read, data]);
      const end = read.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", onData).off("error", stop).off("close", onClose);
      socket.pause();
      resolve({ head: read.subarray(0, end).toString("latin1"), rest: read.subarray(end + 4) });
    };
    const onClose = (): void => stop(new Error("the connection was closed during the handshake"));
    socket.on("data", onData).on("error", stop).on("close", onClose);
  });
}

function attach(socket: Socket, rest: Buffer, subprotocol: string | undefined, events: SocketEvents): RawWebSocket {
  const reader = new FrameReader();
  let parts: Buffer[] = [];
  let kind = 0;
  let ended = false;
  const end = (code: number): void => {
    if (ended) return;
    ended = true;
    events.closed(code);
  };
  const write = (opcode: number, bytes: Buffer): void => {
    if (!socket.destroyed) socket.write(writeFrame(opcode, bytes, randomBytes(4)));
  };
  const receive = (data: Buffer): void => {
    for (const { fin, opcode, payload } of reader.push(data)) {
      if (opcode === OPCODE.ping) write(OPCODE.pong, payload);
      else if (opcode === OPCODE.close) {
        write(OPCODE.close, payload);
        end(payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
        socket.end();
      } else if (opcode <= OPCODE.binary) {
        if (opcode !== OPCODE.continuation) kind = opcode;
        parts.push(payload);
        if (!fin) continue;
        const whole = Buffer.concat(parts);
        parts = [];
        if (!ended) events.message(kind === OPCODE.text ? whole.toString("utf8") : whole);
      }
    }
  };
  socket.on("data", receive);
  socket.on("error", () => end(1006));
  socket.on("close", () => end(1006));
  if (rest.length > 0) receive(rest);
  socket.resume();
  return {
    subprotocol,
    send: (text) => write(OPCODE.text, Buffer.from(text)),
    sendBytes: write,
    close(code) {
      write(OPCODE.close, closePayload(code));
      socket.end();
    },
    destroy() {
      ended = true;
      socket.destroy();
    },
  };
}
