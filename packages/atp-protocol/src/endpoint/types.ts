import type { ErrorContent } from "../frame/errors.js";
import type { Credit, Frame, Meta, Payload, Qos, Window } from "../frame/frame.js";
import type {
  AcceptContent,
  HelloContent,
  StatusContent,
  WelcomeContent,
  WindowUpdateContent,
  WireLimits,
} from "../frame/payload.js";
import type { Telemetry } from "../frame/telemetry.js";

/** Which side of the connection this machine plays. */
export type Role = "client" | "router";

/** A stream's name inside an endpoint: `session_id/stream_id`. Opaque to the host. */
export type StreamRef = string;

/** A frame as it travels: text for JSON, bytes for CBOR. */
export type Encoded = string | Uint8Array;

/** Why a frame was refused before the endpoint saw it, with what could still be read of its address. */
export interface FrameRefusal {
  /** The codec's, or with integrity on (A10): `ESEC` of its seal, and what kept that from being looked at. */
  readonly code: "EPROTO" | "ETOOBIG" | "ESEC" | "EAUTH" | "EOVERLOAD";
  readonly message: string;
  /** The rule broken, such as `A3.3`. */
  readonly rule: string;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly sessionId?: string | undefined;
  readonly streamId?: string | undefined;
  readonly msgSeq?: number | undefined;
  readonly flags?: readonly string[] | undefined;
}

/**
 * What does not change during a connection. The codec is chosen before the first frame and is a pure function, so
 * `step` stays one.
 */
export interface EndpointConfig {
  readonly role: Role;
  readonly limits: WireLimits;
  /** What this side can do: `resume`, `credit`, `fragments`. A capability is in force when both sides list it. */
  readonly capabilities: readonly string[];
  readonly encode: (frame: Frame) => Encoded;
  /** Bytes of an encoded frame on the wire. */
  readonly sizeOf: (data: Encoded) => number;
  /** Socket marks in bytes (A8.2). @default 262144 and 65536 */
  readonly highMarkBytes?: number;
  readonly lowMarkBytes?: number;
  /** Router only: tells what it keeps for a resume, by `stream.kept` and `stream.acked`, so that other routers may have it too. */
  readonly shared?: boolean;
  /** Client only: what HELLO says. Absent: no HELLO is sent. */
  readonly hello?: { readonly sessionId: string; readonly content: HelloContent };
}

/** What the host answers a HELLO with, or gives a connection that sent none. */
export interface Grant {
  readonly epoch: string;
  /** Shown to the client in `control.welcome`; at least 128 random bits. */
  readonly resumeToken?: string;
  /** The name under which the host finds the session by that token, such as its hash. @default the token */
  readonly resumeTokenId?: string;
  readonly resumeUrl?: string;
  readonly server: WelcomeContent["server"];
  readonly levels: readonly number[];
  readonly lease: WelcomeContent["lease"];
  readonly principal: WelcomeContent["principal"];
}

/** A numbered message that the host wants on a stream. */
export interface OutMessage {
  readonly payload: Payload;
  /**
   * Adjacent messages with the same key may be merged while they wait: their `content.text` is joined (A8.3). Absent: never merged.
   */
  readonly mergeKey?: string;
}

/** A stream on its way from one endpoint to another; opaque to the host. Its ref stays the same. */
export interface StreamParcel {
  readonly sessionId: string;
}

/** A stream whose router is lost. */
export interface LostStream {
  readonly streamId: string;
  /** What its client has. */
  readonly lastSeq: number;
  /** What was kept of it above that, oldest first. */
  readonly kept: readonly KeptMessage[];
}

/** A numbered message as it was first encoded: one frame, or the fragments of one message. */
export interface KeptMessage {
  readonly seq: number;
  readonly parts: readonly Encoded[];
  /** FIN or RST. */
  readonly end: boolean;
}

/** Everything that can happen to an endpoint. `at` is milliseconds of a clock that never goes back. */
export type EndpointEvent = { readonly at: number } & ( // From the socket.
  | { readonly t: "socket.opened"; readonly subprotocol: string }
  | { readonly t: "socket.frame"; readonly frame: Frame; readonly bytes: number }
  | { readonly t: "socket.refused"; readonly refusal: FrameRefusal; readonly bytes: number }
  /** Bytes still unsent in the socket, reported after a write of the endpoint's frames and when they drain. */
  | { readonly t: "socket.buffered"; readonly bytes: number }
  /** A pong, or any other sign of life below the frames. */
  | { readonly t: "socket.alive" }
  | { readonly t: "socket.closed"; readonly code: number; readonly reason: string }
  | { readonly t: "timer.fired" }
  // Answers of the router's host to the effect `hello`.
  | { readonly t: "hello.granted"; readonly grant: Grant }
  /**
   * A new socket resumes this session, whose endpoint has none (A9.2). The HELLO came to another endpoint; the host found
   * this one by the token, checked the principal, and closed the older socket with 4409 if there was one. `grant` carries
   * this session's epoch and the next token.
   */
  | {
      readonly t: "session.attach";
      readonly hello: HelloContent;
      readonly grant: Grant;
      /** The id of the token that the client showed. */
      readonly shownTokenId: string;
    }
  /**
   * Answers the effect `stream.detach`: the stream leaves this session under a token of its own. The endpoint answers by
   * `stream.parted`, or by nothing when the stream has ended or the socket is gone.
   */
  | {
      readonly t: "stream.part";
      readonly stream: StreamRef;
      /** Shown to the client in `control.detached`; at least 128 random bits. */
      readonly resumeToken: string;
      readonly resumeTokenId: string;
    }
  /** The first event of a new router endpoint, in place of a socket: it becomes the session of what parted from another one. */
  | { readonly t: "session.restore"; readonly parcel: StreamParcel; readonly tokenId: string }
  /**
   * The first event of a new router endpoint, in place of a socket: it takes over a session whose router is lost. What the store
   * still has of each stream is replayed; a stream without an end gets RST `EAGENTDOWN` (A9.3).
   */
  | {
      readonly t: "session.adopt";
      readonly sessionId: string;
      /** What the client's HELLO announced. */
      readonly capabilities: readonly string[];
      readonly streams: readonly LostStream[];
    }
  | { readonly t: "hello.refused"; readonly error: ErrorContent; readonly closeCode: number }
  /** Memory is short: a session without a socket gives up what it keeps for a replay, ends excepted. It resumes with gaps. */
  | { readonly t: "session.evict" }
  // Commands of the router's host.
  | { readonly t: "stream.accept"; readonly stream: StreamRef; readonly qos: Qos; readonly window: Window }
  | { readonly t: "stream.status"; readonly content: StatusContent }
  // Commands of the client's host.
  | {
      readonly t: "stream.open";
      readonly sessionId: string;
      readonly streamId: string;
      readonly qos?: Qos;
      readonly ttl?: number;
      readonly window?: Window;
      readonly meta?: Meta;
      readonly payload: Payload;
      readonly credit?: Credit;
    }
  | { readonly t: "stream.cancel"; readonly stream: StreamRef; readonly reason?: string }
  // Commands of either host.
  | { readonly t: "stream.send"; readonly stream: StreamRef; readonly message: OutMessage }
  /** An unnumbered control message on a stream (`control.plan`, a window update, an error that ends nothing, feedback is `stream.send`). */
  | { readonly t: "stream.control"; readonly stream: StreamRef | null; readonly payload: Payload }
  /** Router: ends the stream, exactly once. Client: `FIN` says that no more input comes, and ends nothing (A3.7). */
  | {
      readonly t: "stream.end";
      readonly stream: StreamRef;
      readonly flag: "FIN" | "RST";
      readonly payload: Payload;
      readonly telemetry?: Telemetry;
    }
  /**
   * The consumer took every message up to `seq`, the end included: acknowledge, and grant credit again. A router says it
   * when it hands an `agent.input` on.
   */
  | { readonly t: "stream.consumed"; readonly stream: StreamRef; readonly seq: number }
  | { readonly t: "drain"; readonly resumeUrl?: string }
  | { readonly t: "close"; readonly code: number; readonly reason: string }
);

/** What the host must do, in order. */
export type EndpointEffect =
  // To the socket. All `transmit` effects of one event-loop turn should leave in one write.
  | { readonly t: "transmit"; readonly data: Encoded }
  | { readonly t: "ping" }
  | { readonly t: "close"; readonly code: number; readonly reason: string }
  /** Destroy the socket without waiting for the peer. */
  | { readonly t: "terminate" }
  /** Stop (or go on) reading the socket. */
  | { readonly t: "reading"; readonly on: boolean }
  /** The one timer of the endpoint: fire `timer.fired` at `at`; `null` clears it. Replaces the earlier one. */
  | { readonly t: "timer"; readonly at: number | null }
  // Router: what arrived.
  | { readonly t: "hello"; readonly sessionId: string; readonly hello: HelloContent }
  | { readonly t: "stream.opened"; readonly stream: StreamRef; readonly frame: Frame }
  /**
   * Stop the stream's work and end it with `stream.end`. With `error` the wire itself ended it (a gap in the client's
   * numbers, a broken fragment, the end of a drain): whatever the host's end says, the RST carries this error.
   */
  | {
      readonly t: "stream.cancelled";
      readonly stream: StreamRef;
      readonly reason: string;
      readonly error?: ErrorContent;
    }
  /** The client closed its direction: no more input comes. */
  | { readonly t: "stream.inputEnded"; readonly stream: StreamRef }
  | { readonly t: "feedback"; readonly stream: StreamRef; readonly content: unknown }
  /** Absolute ceilings from the client; `stream` null: the session's. Already checked for its number. */
  | {
      readonly t: "window";
      readonly stream: StreamRef | null;
      readonly sessionId: string;
      readonly content: WindowUpdateContent;
    }
  /** The socket is gone: these streams have no reader now. */
  | { readonly t: "stream.detached"; readonly stream: StreamRef }
  | { readonly t: "stream.attached"; readonly stream: StreamRef }
  /** With `shared`: a message got its number and is kept; the client has every message up to `seq`. */
  | { readonly t: "stream.kept"; readonly stream: StreamRef; readonly message: KeptMessage }
  | { readonly t: "stream.acked"; readonly stream: StreamRef; readonly seq: number }
  /** The client lets go of this stream: answer with `stream.part` (A9.2). */
  | { readonly t: "stream.detach"; readonly stream: StreamRef }
  /** The stream is no longer of this session: give it to a new endpoint by `session.restore`. */
  | {
      readonly t: "stream.parted";
      readonly stream: StreamRef;
      readonly parcel: StreamParcel;
      readonly tokenId: string;
    }
  /**
   * Router: what the reader missed was evicted (A9.2). Send, as messages, one partial for each adapter slot (`chunk` 0, the
   * next `attempt`, all text so far) and the open question, and go on with that attempt.
   */
  | { readonly t: "stream.snapshot"; readonly stream: StreamRef }
  /** The reader is too slow (full) or has room again. `stream` null: every stream of this socket. */
  | { readonly t: "outbox.full"; readonly stream: StreamRef | null }
  | { readonly t: "outbox.room"; readonly stream: StreamRef | null }
  // Client: what arrived.
  | { readonly t: "welcome"; readonly content: WelcomeContent }
  | { readonly t: "stream.accepted"; readonly stream: StreamRef; readonly content: AcceptContent }
  /** A numbered message, in order, once. Router: `agent.input`; client: results, questions, logs. */
  | { readonly t: "stream.message"; readonly stream: StreamRef; readonly frame: Frame }
  /** An unnumbered control message; `stream` null: the connection's. */
  | { readonly t: "control"; readonly stream: StreamRef | null; readonly frame: Frame }
  /** The stream's one end. `cut`: the connection ended it without FIN or RST, never a success (A4.3). */
  | { readonly t: "stream.ended"; readonly stream: StreamRef; readonly by: "FIN" | "RST"; readonly frame: Frame }
  | { readonly t: "stream.cut"; readonly stream: StreamRef; readonly code: number; readonly reason: string }
  /** Router: the ids of all tokens that may resume this session from now on (A9.3). None: the session is forgotten. */
  | { readonly t: "tokens"; readonly valid: readonly string[] }
  /** Something the peer did wrong, for logs and metrics; already answered on the wire. */
  | { readonly t: "violation"; readonly error: ErrorContent; readonly stream: StreamRef | null };

/** One endpoint: plain state behind one synchronous, total function. */
export interface ClientEndpoint {
  /** Advances the machine. Never throws; a command that the state does not allow is ignored. */
  readonly step: (event: EndpointEvent) => readonly EndpointEffect[];
  /** Streams that have not ended. */
  readonly openStreams: () => readonly StreamRef[];
}

/** An endpoint that tells what it holds. */
export interface Endpoint extends ClientEndpoint {
  /** Bytes held for streams and for the socket (A8.4). Costs a look at each stream. */
  readonly bytes: () => number;
}
