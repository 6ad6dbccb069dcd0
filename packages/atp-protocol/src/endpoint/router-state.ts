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

// Members are added one by one, not by a spread: objects that were spread have one of several hidden classes, and each access to
// one of their members takes three times as long.

/** A new router endpoint's state. */
export function createRouterState(config: EndpointConfig, role: RolePart, fragmentation: Fragmentation): RouterState {
  const s = createState(config, role, fragmentation) as RouterState;
  s.grant = null;
  s.hello = null;
  s.open = 0;
  s.past = new Map();
  s.early = new Map();
  s.labels = null;
  s.held = [];
  s.heldBytes = 0;
  s.pingedAt = 0;
  s.helloBy = null;
  s.drainBy = null;
  s.draining = false;
  s.resumeUrl = undefined;
  s.tokens = 0;
  s.tokensAt = 0;
  s.overSince = null;
  s.paused = 0;
  s.protocolErrors = [];
  s.tokenIds = [];
  return s;
}

/** A new stream of a client's SYN under the number `first`. */
export function createRouterStream(sessionId: string, streamId: string, first: number, ttl: number): RouterStream {
  const stream = createStream(sessionId, streamId, first, first, ttl) as RouterStream;
  stream.fedBack = false;
  stream.error = null;
  stream.accept = null;
  stream.latest = null;
  stream.windowNumber = 0;
  stream.usedBytes = 0;
  stream.full = false;
  stream.starvedAt = null;
  stream.lost = false;
  return stream;
}
