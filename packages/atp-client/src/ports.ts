import { decodeFrame, encodeFrame } from "atp-protocol";
import type { Decoded, DecodeLimits, Encoded, Frame } from "atp-protocol";
import WebSocket from "isomorphic-ws";

/** Time as the client sees it; injected in tests. */
export interface ClientClock {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Calls `fn` once after a delay. @returns a function that prevents it. */
  after(delayMs: number, fn: () => void): () => void;
}

/** The clock of the machine. */
export const systemClock: ClientClock = {
  now: () => performance.now(),
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** The part of a WebSocket that the client uses: a browser's, `ws`, or one in memory. */
export interface ClientSocket {
  /** The subprotocol in force; empty when none was echoed. */
  readonly protocol: string;
  /** Bytes that were sent and have not left yet. */
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  /** Details of a failed dial, where the platform tells them. Always followed by `onclose`. */
  onerror: ((event: { readonly message?: string }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  /** Of `ws`: messages as they came, a text as its bytes. Used in place of `onmessage` where it is. */
  on?(name: "message", listener: (data: Uint8Array | ArrayBuffer, isBinary: boolean) => void): unknown;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  /** Destroys the connection without a closing handshake, where the platform can. */
  terminate?(): void;
}

/** Makes a socket that has begun to connect. */
export type SocketFactory = (url: string, protocols: readonly string[]) => ClientSocket;

/** A message of 8 MiB, the most that a frame may carry, may grow by its escapes. */
const MAX_PAYLOAD_BYTES = 16 * 1_048_576;

/** The platform's WebSocket: the browser's own, or `ws` on Node. */
export const platformSocket: SocketFactory = (url, protocols) =>
  // A browser takes two arguments and ignores the third.
  new WebSocket(url, [...protocols], {
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
  }) as unknown as ClientSocket;

/** Where the client tells what a user of it may want to know later. Any member may be missing. */
export interface ClientLogger {
  debug?(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn?(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Tells when waiting makes no more sense: the network is back, or the page is looked at again. @returns the way to stop it. */
export type WakeSource = (wake: () => void) => () => void;

/** The page's own signs; where there are none, as on Node, it never wakes. */
export const platformWake: WakeSource = (wake) => {
  const page = globalThis as Partial<Pick<typeof globalThis, "addEventListener" | "removeEventListener" | "document">>;
  if (page.addEventListener === undefined || page.document === undefined) return () => undefined;
  const { document } = page;
  const looked = (): void => {
    if (document.visibilityState === "visible") wake();
  };
  page.addEventListener("online", wake);
  document.addEventListener("visibilitychange", looked);
  return () => {
    page.removeEventListener?.("online", wake);
    document.removeEventListener("visibilitychange", looked);
  };
};

/** One encoding of the wire, by its subprotocol (A1.2). `atp-client/cbor` has the binary one. */
export interface WireCodec {
  readonly subprotocol: string;
  readonly encode: (frame: Frame) => Encoded;
  /** Decodes and checks; a message of the other kind, text or bytes, is refused. Never throws. */
  readonly decode: (data: string | ArrayBuffer, limits: DecodeLimits) => Decoded;
}

/** The encoding that every router speaks. */
export const jsonCodec: WireCodec = {
  subprotocol: "atp.v1+json",
  encode: encodeFrame,
  decode: (data, limits) =>
    typeof data === "string"
      ? decodeFrame(data, limits)
      : { ok: false, refusal: { code: "EPROTO", rule: "A3.4", message: "a binary message under atp.v1+json" } },
};
