import type { ErrorContent } from "../frame/errors.js";
import type { Payload } from "../frame/frame.js";
import type { HelloContent } from "../frame/payload.js";
import type { Frame } from "../frame/frame.js";
import type { Fragmentation, RolePart } from "./role.js";
import { createState, createStream, type State, type Stream } from "./state.js";
import type { EndpointConfig, Grant, StreamRef } from "./types.js";

/** The flags of a stream's end. */
export const END_FLAGS = { FIN: ["FIN"], RST: ["RST"] } as const;

/** One stream as a router keeps it. */
export interface RouterStream extends Stream {
  fedBack: boolean;
  /** Set when the wire itself ends the stream: the host's end carries this error. */
  error: ErrorContent | null;
  /** What it told on the stream before, repeated after a resume. */
  accept: Payload | null;
  latest: Map<string, Payload> | null;
  windowNumber: number;
  /** Bytes of our messages as first encoded (A8.1). */
  usedBytes: number;
  full: boolean;
  /** Since when it waits for credit, or null. */
  starvedAt: number | null;
  /** A kept message was evicted before the peer had it. */
  lost: boolean;
}

/** All that a router's endpoint remembers. */
export interface RouterState extends State {
  readonly streams: Map<StreamRef, RouterStream>;
  waiting: RouterStream[];
  grant: Grant | null;
  /** The HELLO being answered. */
  hello: HelloContent | null;
  /** Streams that have not ended: what `max_streams` counts. */
  open: number;
  /** Ended ids, oldest first. */
  past: Map<StreamRef, { readonly endedAt: number; fedBack: boolean }>;
  /** RSTs that overtook their SYN. */
  early: Map<StreamRef, number>;
  /** Session ids used on a socket without HELLO. */
  labels: Set<string> | null;
  /** Frames that came after HELLO and before its answer. */
  held: { readonly frame: Frame; readonly bytes: number }[];
  heldBytes: number;
  pingedAt: number;
  helloBy: number | null;
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
  /** Ids of tokens by which this session may be resumed: the one last shown, then those issued since. */
  tokenIds: string[];
}

/** A new router endpoint's state. */
export function createRouterState(config: EndpointConfig, role: RolePart, fragmentation: Fragmentation): RouterState {
  return {
    ...createState(config, role, fragmentation),
    streams: new Map(),
    waiting: [],
    grant: null,
    hello: null,
    open: 0,
    past: new Map(),
    early: new Map(),
    labels: null,
    held: [],
    heldBytes: 0,
    pingedAt: 0,
    helloBy: null,
    drainBy: null,
    draining: false,
    resumeUrl: undefined,
    tokens: 0,
    tokensAt: 0,
    overSince: null,
    paused: 0,
    protocolErrors: [],
    tokenIds: [],
  };
}

/** A new stream of a client's SYN under the number `first`. */
export function createRouterStream(sessionId: string, streamId: string, first: number, ttl: number): RouterStream {
  return {
    ...createStream(sessionId, streamId, first, first, ttl),
    fedBack: false,
    error: null,
    accept: null,
    latest: null,
    windowNumber: 0,
    usedBytes: 0,
    full: false,
    starvedAt: null,
    lost: false,
  };
}
