import type { ErrorContent } from "../frame/errors.js";
import type { Payload } from "../frame/frame.js";
import type { HelloContent } from "../frame/payload.js";
import type { Frame } from "../frame/frame.js";
import type { Fragmentation, RolePart } from "./role.js";
import { createState, createStream, type State, type Stream } from "./state.js";
import type { EndpointConfig, StreamRef } from "./types.js";

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
  /** What the HELLO that is being answered asks to resume. */
  asked: HelloContent["resume"] | undefined;
  /** Streams that have not ended: what `max_streams` counts. */
  open: number;
  /** Ended ids, oldest first; null until there is one. */
  past: Map<StreamRef, { readonly endedAt: number; fedBack: boolean }> | null;
  /** RSTs that overtook their SYN; null until there is one. */
  early: Map<StreamRef, number> | null;
  /** Session ids used on a socket without HELLO. */
  labels: Set<string> | null;
  /** Frames that came after HELLO and before its answer. */
  held: { readonly frame: Frame; readonly bytes: number }[] | null;
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
  /** When it counted one, within the last minute. */
  protocolErrors: number[] | null;
  /** Ids of tokens by which this session may be resumed: the one last shown, then those issued since. */
  tokenIds: string[];
}

// Members are added one by one, not by a spread: objects that were spread have one of several hidden classes, and each access to
// one of their members takes three times as long.

/** A new router endpoint's state. */
export function createRouterState(config: EndpointConfig, role: RolePart, fragmentation: Fragmentation): RouterState {
  const s = createState(config, role, fragmentation) as RouterState;
  s.asked = undefined;
  s.open = 0;
  s.past = null;
  s.early = null;
  s.labels = null;
  s.held = null;
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
  s.protocolErrors = null;
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
