import type { ErrorContent } from "../frame/errors.js";
import type { Credit, Frame, Payload } from "../frame/frame.js";
import type { HelloContent, WireLimits } from "../frame/payload.js";
import type { Encoded, EndpointConfig, EndpointEffect, Grant, StreamRef } from "./types.js";

/** The flags of a stream's end. */
export const END_FLAGS = { FIN: ["FIN"], RST: ["RST"] } as const;

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
  readonly more?: Partial<Frame> | undefined;
  /** True for a control frame: it takes no number. */
  readonly control: boolean;
}

/** A numbered message as encoded: what the replay buffer keeps and what a socket still has to take. */
export interface OutEntry {
  readonly seq: number;
  /** One frame, or the fragments of one message. */
  readonly parts: readonly Encoded[];
  readonly bytes: number;
  /** FIN or RST: never evicted. */
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

/** One stream as either side keeps it. */
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
  /** Our last message is queued or sent: nothing more may follow. */
  ended: boolean;
  /** Router: the host knows the stream. Client: the router accepted it. */
  opened: boolean;
  /** Client: the router's end has come. */
  finished: boolean;
  cancelled: boolean;
  inputEnded: boolean;
  fedBack: boolean;
  /** Set when the wire itself ends the stream: the host's end carries this error. */
  error: ErrorContent | null;
  /** What it told on the stream before, repeated after a resume. */
  accept: Payload | null;
  latest: Map<string, Payload> | null;
  windowNumber: number;
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
  /** Bytes of our messages as first encoded (A8.1). */
  usedBytes: number;
  /** What we may reach, or what we granted. */
  credit: Credit | null;
  full: boolean;
  /** Since when it waits for credit, or null. */
  starvedAt: number | null;
  /** Without credit for so long that it counts as detached (A8.3). */
  unfed: boolean;
  /** A kept message was evicted before the peer had it. */
  lost: boolean;
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
  /** When the end was queued. */
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

/** All that an endpoint remembers. Changed in place by `step`, which is its only owner. */
export interface State {
  readonly config: EndpointConfig;
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
  capabilities: { resume: boolean; credit: boolean; fragments: boolean };
  grant: Grant | null;
  /** Router: the HELLO being answered. */
  hello: HelloContent | null;
  streams: Map<StreamRef, Stream>;
  /** Streams that have not ended: what `max_streams` counts. */
  open: number;
  /** Router: ended ids, oldest first. */
  past: Map<StreamRef, { readonly endedAt: number; fedBack: boolean }>;
  /** Router: RSTs that overtook their SYN. */
  early: Map<StreamRef, number>;
  /** Session ids used on a socket without HELLO. */
  labels: Set<string> | null;
  windowNumbers: Map<string, number> | null;
  /** Frames that came after HELLO and before its answer. */
  held: { readonly frame: Frame; readonly bytes: number }[];
  heldBytes: number;
  /** Frames of no stream of ours that wait for the socket. */
  controls: Frame[];
  waiting: Stream[];
  buffered: number;
  full: boolean;
  stalledAt: number;
  lastSentAt: number;
  lastHeardAt: number;
  pingedAt: number;
  timerAt: number | null;
  helloBy: number | null;
  terminateAt: number | null;
  drainBy: number | null;
  draining: boolean;
  resumeUrl: string | undefined;
  /** Frames that may still come before reading pauses, and when that was counted. */
  tokens: number;
  tokensAt: number;
  overSince: number | null;
  /** Why reading is off, as bits. */
  paused: number;
  protocolErrors: number[];
  fragmentsOpen: number;
  resumeToken: string | undefined;
  /** Router: ids of tokens by which this session may be resumed: the one last shown, then those issued since. */
  tokenIds: string[];
  /** Client: the session's epoch, once welcomed. */
  epoch: string | undefined;
  detachedAt: number | null;
  /** Client: the host is done with this endpoint. */
  finished: boolean;
}

/** A new endpoint's state: no socket, no streams. */
export function createState(config: EndpointConfig): State {
  return {
    config,
    router: config.role === "router",
    highMark: config.highMarkBytes ?? 262_144,
    lowMark: config.lowMarkBytes ?? 65_536,
    fx: [],
    at: 0,
    phase: "idle",
    naive: config.role === "client" && config.hello === undefined,
    sessionId: config.hello?.sessionId ?? "0",
    limits: config.limits,
    capabilities: { resume: false, credit: false, fragments: false },
    grant: null,
    hello: null,
    streams: new Map(),
    open: 0,
    past: new Map(),
    early: new Map(),
    labels: null,
    windowNumbers: null,
    held: [],
    heldBytes: 0,
    controls: [],
    waiting: [],
    buffered: 0,
    full: false,
    stalledAt: 0,
    lastSentAt: 0,
    lastHeardAt: 0,
    pingedAt: 0,
    timerAt: null,
    helloBy: null,
    terminateAt: null,
    drainBy: null,
    draining: false,
    resumeUrl: undefined,
    tokens: 0,
    tokensAt: 0,
    overSince: null,
    paused: 0,
    protocolErrors: [],
    fragmentsOpen: 0,
    resumeToken: undefined,
    tokenIds: [],
    epoch: undefined,
    detachedAt: null,
    finished: false,
  };
}

/** The name of a stream inside an endpoint. Ids hold no slash, so it is unambiguous. */
export function refOf(sessionId: string, streamId: string): StreamRef {
  return `${sessionId}/${streamId}`;
}

/** A new stream. `outSeq` and `inSeq` start at the SYN's number on the router; a client has yet to give it. */
export function createStream(
  sessionId: string,
  streamId: string,
  first: number,
  outSeq: number,
  ttl: number | undefined,
): Stream {
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
    finished: false,
    cancelled: false,
    inputEnded: false,
    fedBack: false,
    error: null,
    accept: null,
    latest: null,
    windowNumber: 0,
    queue: [],
    controls: [],
    kept: [],
    keptBytes: 0,
    sentSeq: outSeq,
    sentParts: 0,
    peerAck: outSeq,
    usedBytes: 0,
    credit: null,
    full: false,
    starvedAt: null,
    unfed: false,
    lost: false,
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
