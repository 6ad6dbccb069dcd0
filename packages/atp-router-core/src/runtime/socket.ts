import type { Credentials } from "../ports/index.js";

/** What the router needs of a socket. The Node edge implements it over `ws`, the simulator in memory. */
export interface SocketPort {
  /** Queues one WebSocket message: text for a string, binary for bytes. All of one event-loop turn leave in one write. */
  send(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
  /** Destroys the socket without waiting for the peer. */
  terminate(): void;
  ping(): void;
  /** Stops or goes on reading from the peer. */
  setReading(on: boolean): void;
  /** Bytes accepted by `send` that have not left the process. */
  bufferedBytes(): number;
}

/** What a socket tells the router. No method throws. */
export interface SocketHandler {
  text(data: string): void;
  binary(data: Uint8Array): void;
  /** A pong came. */
  alive(): void;
  /** Queued messages were written; `bufferedBytes` is what still waits. */
  flushed(bufferedBytes: number): void;
  /** The socket's end, told once. */
  closed(code: number, reason: string): void;
}

/** What is known of a socket when it opens. */
export interface SocketInfo {
  /** For logs: the peer's address. */
  readonly remote: string;
  /** `atp.v1+json`, or empty when the client offered none. */
  readonly subprotocol: string;
  readonly credentials: Credentials;
}
