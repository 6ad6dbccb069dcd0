import type { AtpError, EndpointEvent, Grant, HelloContent, StreamParcel, StreamRef } from "atp-protocol";
import type { Principal } from "../model/index.js";
import type { Identified } from "../ports/index.js";
import type { StreamKey } from "../stream/index.js";
import type { StreamOutput } from "./host.js";
import type { SocketPort, WireCodec } from "./socket.js";

/** The socket that a session speaks on now, as the session sees it. */
export interface Line {
  readonly socket: SocketPort;
  readonly remote: string;
  /** How its frames are written; a session keeps to one way (A8.1). */
  readonly codec: WireCodec | undefined;
  /** A HELLO came on it. */
  greet(hello: HelloContent): void;
  /** Who showed this socket's own credentials; for clients that say no HELLO. */
  identify(then: (who: Identified) => void, otherwise: (error: AtpError) => void): void;
  /** A `control.auth` came (A2.3). */
  renew(content: unknown): void;
  /** A newer socket took the session over (A2.3). */
  superseded(): void;
}

/** One session: an endpoint with its streams, on one socket after the other, or for a while on none. */
export interface Session {
  /** The session's epoch; opaque to the client. */
  readonly id: string;
  readonly principal: Principal | undefined;
  /** Where its streams' answers go. */
  readonly output: StreamOutput;
  /** Since when it has no socket; undefined while it has one. */
  readonly detachedAt: number | undefined;
  step(event: EndpointEvent): void;
  /** How its frames are written. */
  readonly codec: WireCodec | undefined;
  /** What its frames call it. */
  label(): string;
  /** The client of the present socket is known: welcome. */
  grant(who: Principal, grant: Grant): void;
  /** Another socket resumes this session: the older one is closed, then this one speaks (A9.2). */
  attach(line: Line, hello: HelloContent, grant: Grant, shownTokenId: string): void;
  /** The socket is gone. */
  left(code: number, reason: string): void;
  /** The end of a session that never came to be: another one has its socket now. */
  dispose(): void;
  /** Gives up what is kept for a resume (A8.4). */
  evict(): void;
  /** Bytes held (A8.4). */
  bytes(): number;
}

/** A session whose router is lost, with what its endpoint is then given to adopt (A9.3). */
export interface Heir {
  readonly codec: WireCodec | undefined;
  /** Its client wants what it gets sealed (A10). */
  readonly sealed: boolean;
  readonly id: string;
  readonly principal: Principal;
}

/** A stream that parted from its session, to be one of its own (A9.2). */
export interface Parted {
  readonly codec: WireCodec | undefined;
  /** As {@link Heir.sealed}. */
  readonly sealed: boolean;
  readonly principal: Principal;
  readonly ref: StreamRef;
  readonly key: StreamKey;
  readonly parcel: StreamParcel;
  readonly tokenId: string;
}
