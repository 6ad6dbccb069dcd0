import type { Decoded, DecodeLimits, Encoded, Frame } from "atp-protocol";
import type { Credentials } from "../ports/index.js";

/** The names of the two encodings (A1.2). */
export const JSON_SUBPROTOCOL = "atp.v1+json";
export const CBOR_SUBPROTOCOL = "atp.v1+cbor";

/** An encoding of frames (A1.2). */
export interface WireCodec {
  readonly encode: (frame: Frame) => Encoded;
  /** What comes as bytes. */
  readonly decode: (data: Uint8Array, limits: DecodeLimits) => Decoded;
}

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
  /** `atp.v1+json`, `atp.v1+cbor`, or empty when the client offered none. */
  readonly subprotocol: string;
  /** How that subprotocol writes frames. @default as JSON */
  readonly codec?: WireCodec;
  readonly credentials: Credentials;
}
