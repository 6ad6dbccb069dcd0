import type {
  AtpError,
  Encoded,
  EndpointConfig,
  EndpointEvent,
  Frame,
  HelloContent,
  WelcomeContent,
  WireLimits,
} from "atp-protocol";
import { KEPT_EVENTS } from "./event-queue.js";
import type { LiveRun, Opening } from "./live-run.js";
import type { ClientClock, ClientLogger, WireCodec } from "./ports.js";
import type { Session } from "./session.js";

/** Until it knows who asks, a router that wants credentials reads no larger frame (A2.3). */
const FRAME_BEFORE_WELCOME_BYTES = 16_384;
/** What a SYN's frame says beside its opening. */
const SPARE_BYTES = 1_024;

/** How large the opening of a run may be that is sent before the welcome, which tells who asks and what fits. */
export function openingBytesBeforeWelcome(
  { capabilities, limits }: Pick<SessionSettings, "capabilities" | "limits">,
  token: string | undefined,
): number {
  if (token !== undefined) return FRAME_BEFORE_WELCOME_BYTES - SPARE_BYTES;
  // Over a frame it goes in fragments, if the router takes them.
  return capabilities.includes("fragments") ? limits.max_frame_bytes - SPARE_BYTES : Number.POSITIVE_INFINITY;
}

/** How a socket went down. */
export interface Down {
  readonly code: number;
  readonly reason: string;
  /** The last error that the router told of the connection itself. */
  readonly error: AtpError | null;
  readonly opened: boolean;
}

/** What a session tells its link. */
export interface SessionHost {
  welcomed(session: Session, content: WelcomeContent): void;
  /** A control frame of the connection itself. */
  control(session: Session, frame: Frame): void;
  /** A run whose SYN did not happen: it may be sent again. */
  returned(run: LiveRun): void;
  /** For inspectors; called only while {@link SessionSettings.inspected} says so. */
  frame(direction: "in" | "out", frame: Frame, bytes: number): void;
  /** Its socket is gone. {@link Session.detached} tells whether it needs another one. */
  down(session: Session, down: Down): void;
  /** Nobody came back to it in time. */
  expired(session: Session): void;
}

/** What does not change during a session. */
export interface SessionSettings {
  readonly sessionId: string;
  readonly client: { readonly name: string; readonly version: string };
  readonly capabilities: readonly string[];
  readonly limits: WireLimits;
  readonly clock: ClientClock;
  readonly logger: ClientLogger;
  readonly codecs: readonly WireCodec[];
  /** What an earlier client left to this session: a detached stream (A9.2). */
  readonly resume: HelloContent["resume"] | undefined;
  /** Whether anybody wants to see frames. */
  readonly inspected: () => boolean;
}

/** What a session's endpoint needs to know. Each socket's HELLO has the token of its time. */
export function endpointConfig(
  { sessionId, client, capabilities, limits, resume }: SessionSettings,
  token: () => string | undefined,
  encode: EndpointConfig["encode"],
): EndpointConfig {
  const helloContent = (): HelloContent => {
    const shown = token();
    return {
      client,
      capabilities,
      ...(shown === undefined ? {} : { token: shown }),
      ...(resume === undefined ? {} : { resume }),
    };
  };
  const hello = {
    sessionId,
    get content() {
      return helloContent();
    },
  };
  return { role: "client", limits, capabilities, encode, sizeOf, hello };
}

/**
 * What the reader of a run lets the router be ahead of it: half of what a run keeps for a slow reader, and the bytes that the
 * protocol starts with. The protocol's own 64 messages would be acknowledged at every 32nd.
 */
const STREAM_CREDIT = { messages: KEPT_EVENTS / 2, bytes: 262_144 };

/** An event of the endpoint; its time is added when it happens. */
export type EventWithoutTime = EndpointEvent extends infer E
  ? E extends { readonly t: string }
    ? Omit<E, "at">
    : never
  : never;

const encoder = new TextEncoder();

/** Opens a run's stream. */
export function openingEvent(
  { sessionId, capabilities }: SessionSettings,
  streamId: string,
  opening: Opening,
): EventWithoutTime {
  const credit = capabilities.includes("credit") ? { credit: STREAM_CREDIT } : {};
  return { t: "stream.open", sessionId, streamId, ...opening, ...credit };
}

/** Bytes on the wire. */
export function sizeOf(data: Encoded | ArrayBuffer): number {
  // The platform's own encoder takes less time than a loop that counts.
  return (typeof data === "string" ? encoder.encode(data) : data).byteLength;
}
