import type { Frame, StreamRef, WireLimits } from "atp-protocol";
import type { Limits, Principal } from "../model/index.js";
import type { Clock, Identified, Observer, Rng } from "../ports/index.js";
import type { StreamKey } from "../stream/index.js";
import type { Integrity } from "./integrity.js";
import type { Emit, StreamOutput } from "./host.js";
import type { ParseOptions } from "./request.js";
import type { Lease } from "./router.js";
import type { Session } from "./session-port.js";
import type { SharedSessions } from "./shared-sessions.js";

/** A checked SYN, on its way to the router's machine. */
export interface Opened {
  readonly key: StreamKey;
  readonly ref: StreamRef;
  readonly parse: ParseOptions;
  readonly frame: Frame;
  /** The client said HELLO. */
  readonly rich: boolean;
  readonly dryRun: boolean;
  /** A challenger's, beside a client's stream. */
  readonly trial?: boolean;
  readonly session: string;
  readonly sessionLimits: Limits;
  readonly output: StreamOutput;
}

/** What sessions need of their router. */
export interface SessionTools {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly observer: Observer | undefined;
  readonly limits: WireLimits;
  readonly lease: Lease;
  /** The same, as the ledger counts. */
  readonly leaseLimits: Limits;
  /** Starts a stream. @throws AtpError when it is refused before anything was asked. */
  readonly open: (opened: Opened, principal: Principal) => void;
  readonly setSessionLimits: (session: string, limits: Limits) => void;
  /** @throws AtpError `EOVERLOAD` when the router's memory is spoken for (A8.4). */
  readonly admit: () => void;
  /** The tokens by which this session may be resumed from now on. */
  readonly tokens: (session: Session, valid: readonly string[]) => void;
  /** What the session holds may have changed. */
  readonly changed: (session: Session) => void;
  /** A session was made for a socket that opened, or for a stream that parted from another. */
  readonly opened: (session: Session) => void;
  /** A stream went on to a session of its own; what it spends stays with the one it came from. */
  readonly parted: (key: StreamKey, to: Session, from: Session) => void;
  readonly disposed: (session: Session) => void;
  /** A reader's word on a stream that ended. */
  readonly feedback: (key: StreamKey, content: unknown) => void;
  /** Where clients go when this router drains; absent: to the address that they know. */
  readonly resumeUrl: string | undefined;
  readonly rng: Rng;
  /** Absent: frames are neither sealed nor looked at for a seal (A10). */
  readonly integrity: Integrity | undefined;
  /** Absent: nobody else knows of our sessions. */
  readonly shared: SharedSessions | undefined;
  /** SHA-256 as hexadecimal text. */
  readonly hash: (text: string) => string | Promise<string>;
}

/** What connections need beside it. */
export interface ConnectionTools extends SessionTools {
  readonly server: { readonly name: string; readonly version: string };
  /** Tells who shows these credentials, at once when nobody asks. */
  readonly authenticate: (token: string | undefined) => Identified | Promise<Identified>;
  /** Somebody asks: until the client is known, it is not read far. */
  readonly needsToken: boolean;
  /** The session that a token's id stands for. */
  readonly find: (tokenId: string) => Session | undefined;
}
