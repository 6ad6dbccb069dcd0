import type { ErrorContent } from "../frame/errors.js";
import type { Credit, Frame, Payload } from "../frame/frame.js";
import type { WireLimits } from "../frame/payload.js";
import type { Fragmentation, RolePart } from "./role.js";
import type { Encoded, EndpointConfig, EndpointEffect, StreamRef } from "./types.js";

/** What a sender may reach before any grant (A8.1). */
export const INITIAL_CREDIT: Credit = { messages: 64, bytes: 262_144 };

/** A message or control frame that waits to be numbered, encoded and sent. */
export interface OutItem {
  readonly flags: readonly string[];
  readonly payload: Payload | undefined;
  /** Adjacent waiting items with the same key are joined (A8.3). */
  readonly mergeKey?: string | undefined;
  /** UTF-8 bytes of `payload.content.text`, once it was merged. */
  readonly textBytes?: number;
  /** Further members of its frame: a SYN's, an end's telemetry, an ACK's totals. */
  readonly more?: FrameMembers | undefined;
  /** Router: the stream's end. */
  readonly end?: boolean;
}

/** Members of a frame; one that is undefined is not written. */
export type FrameMembers = { readonly [Member in keyof Frame]?: Frame[Member] | undefined };

/** A numbered message as encoded: what the replay buffer keeps and what a socket still has to take. */
export interface OutEntry {
  readonly seq: number;
  /** One frame, or the fragments of one message. */
  readonly parts: readonly Encoded[];
  readonly bytes: number;
  /** FIN or RST of a router: never evicted. */
  readonly end: boolean;
}

/** Fragments of one message that have arrived so far (A6). */
export interface Reassembly {
  readonly first: Frame;
  readonly parts: string[];
  /** UTF-8 bytes of the joined data. */
  dataBytes: number;
  /** Bytes of the frames. */
  frameBytes: number;
  lastAt: number;
}

/** What a fragment brought: the whole message, nothing yet, or the end of its stream. */
export type Joined =
  | { readonly t: "whole"; readonly frame: Frame; readonly bytes: number }
  | { readonly t: "part" }
  | { readonly t: "broken"; readonly error: ErrorContent };

/** One stream as either side keeps it. A router's has more, in `router-state.ts`. */
export interface Stream {
  readonly ref: StreamRef;
  readonly sessionId: string;
  readonly streamId: string;
  /** The SYN's number. */
  readonly first: number;
  /** What this side's frames carry: one less than the SYN's. Absent on the client. */
  readonly ttl: number | undefined;
  /** Last number given to a message of ours. */
  outSeq: number;
  /** Highest contiguous number received. */
  inSeq: number;
  /** Router: our last message is queued or sent: nothing more may follow. Client: the router's end has come. */
  ended: boolean;
  /** Router: the host knows the stream. Client: the router accepted it. */
  opened: boolean;
  cancelled: boolean;
  inputEnded: boolean;
  /** Messages not yet numbered. */
  queue: OutItem[];
  controls: OutItem[];
  /** Numbered messages that may be needed again, oldest first, contiguous but for evictions. */
  kept: OutEntry[];
  keptBytes: number;
  /** Highest number that the socket has taken whole; fragments of the next one taken. */
  sentSeq: number;
  sentParts: number;
  /** Highest number of ours that the peer acknowledged. */
  peerAck: number;
  /** What we may reach, or what we granted. */
  credit: Credit | null;
  /** Router: without credit for so long that it counts as detached (A8.3). */
  unfed: boolean;
  /** What the reader lets the other side be ahead of it. */
  allowance: Credit;
  /** Sizes of received messages that the consumer has not taken, oldest first. */
  unread: { readonly seq: number; readonly bytes: number }[];
  unreadBytes: number;
  readBytes: number;
  readSeq: number;
  ackedSeq: number;
  ackAt: number | null;
  reassembly: Reassembly | null;
  /** In the list of streams with something to send. */
  waiting: boolean;
  deficit: number;
  /** When the end was queued, or came. */
  endedAt: number;
}

/** Where the connection stands. */
export type Phase =
  /** No socket. */
  | "idle"
  /** Router: the first frame has not come. */
  | "opening"
  /** HELLO is not answered yet. */
  | "greeting"
  /** Client: welcome came, `control.resumed` has not. */
  | "resuming"
  | "open"
  /** A close was sent: nothing counts any more but the end of the socket. */
  | "closing";

/** All that an endpoint remembers. Changed in place by `step`, which is its only owner. A router's has more, in `router-state.ts`. */
export interface State {
  readonly config: EndpointConfig;
  readonly role: RolePart;
  /** Absent on a client that does not announce `fragments`. */
  readonly fragmentation: Fragmentation | undefined;
  readonly router: boolean;
  readonly highMark: number;
  readonly lowMark: number;
  /** Effects of the running step. */
  fx: EndpointEffect[];
  at: number;
  phase: Phase;
  /** The connection has no HELLO. */
  naive: boolean;
  sessionId: string;
  limits: WireLimits;
  capabilities: Capabilities;
  readonly streams: Map<StreamRef, Stream>;
  /** Client: the stream of the newest frame. */
  last: Stream | null;
  windowNumbers: Map<string, number> | null;
  /** Frames of no stream of ours that wait for the socket. */
  controls: Frame[];
  waiting: Stream[];
  buffered: number;
  full: boolean;
  stalledAt: number;
  lastSentAt: number;
  lastHeardAt: number;
  timerAt: number | null;
  terminateAt: number;
  fragmentsOpen: number;
  /** Client: by what the session may be resumed. */
  resumeToken: string | undefined;
  /** Client: the session's epoch, once welcomed. */
  epoch: string | undefined;
  detachedAt: number | null;
  /** Client: the host is done with this endpoint. */
  finished: boolean;
}

/** What both sides announced. */
export interface Capabilities {
  readonly resume: boolean;
  readonly credit: boolean;
  readonly fragments: boolean;
}

/** What is in force when the peer announced these. */
export function sharedCapabilities(s: State, theirs: readonly string[]): Capabilities {
  const both = (name: string): boolean => s.config.capabilities.includes(name) && theirs.includes(name);
  return { resume: both("resume"), credit: both("credit"), fragments: both("fragments") };
}

/** A new endpoint's state: no socket, no streams. */
export function createState(config: EndpointConfig, role: RolePart, fragmentation?: Fragmentation): State {
  const { hello, highMarkBytes = 262_144, lowMarkBytes = 65_536, limits } = config;
  const router = config.role === "router";
  return {
    config,
    role,
    fragmentation,
    router,
    highMark: highMarkBytes,
    lowMark: lowMarkBytes,
    fx: [],
    at: 0,
    phase: "idle",
    naive: !router && hello === undefined,
    sessionId: hello?.sessionId ?? "0",
    limits,
    capabilities: NONE,
    streams: new Map(),
    last: null,
    windowNumbers: null,
    controls: [],
    waiting: [],
    buffered: 0,
    full: false,
    stalledAt: 0,
    lastSentAt: 0,
    lastHeardAt: 0,
    timerAt: null,
    terminateAt: 0,
    fragmentsOpen: 0,
    resumeToken: undefined,
    epoch: undefined,
    detachedAt: null,
    finished: false,
  };
}

/** Before the greeting, and without HELLO. */
export const NONE: Capabilities = { resume: false, credit: false, fragments: false };

/** The name of a stream inside an endpoint. Ids hold no slash, so it is unambiguous. */
export function refOf(sessionId: string, streamId: string): StreamRef {
  return `${sessionId}/${streamId}`;
}

/** A new stream. `outSeq` and `inSeq` start at the SYN's number on the router; a client has yet to give it. */
export function createStream(sessionId: string, streamId: string, first: number, outSeq: number, ttl?: number): Stream {
  return {
    ref: refOf(sessionId, streamId),
    sessionId,
    streamId,
    first,
    ttl,
    outSeq,
    inSeq: first,
    ended: false,
    opened: false,
    cancelled: false,
    inputEnded: false,
    queue: [],
    controls: [],
    kept: [],
    keptBytes: 0,
    sentSeq: outSeq,
    sentParts: 0,
    peerAck: outSeq,
    credit: null,
    unfed: false,
    allowance: INITIAL_CREDIT,
    unread: [],
    unreadBytes: 0,
    readBytes: 0,
    readSeq: first,
    ackedSeq: first,
    ackAt: null,
    reassembly: null,
    waiting: false,
    deficit: 0,
    endedAt: 0,
  };
}
