import type {
  AdapterStatus,
  Failure,
  Lane,
  Ms,
  PolicyDecision,
  PolicyInput,
  Principal,
  Truth,
} from "../model/index.js";
import type { ErrorContent, Telemetry } from "atp-protocol";
import type { CallOptions } from "./adapter-port.js";

/** Decides who may ask for what. */
export interface PolicyPort {
  /** Which engine this is, such as `cel`, `opa`. */
  readonly engine: string;
  /**
   * Answers at once or later. A policy that cannot decide throws; the router then denies (fail closed).
   * What it throws is told to the client only as "policy unavailable".
   */
  decide(input: PolicyInput, options: CallOptions): PolicyDecision | Promise<PolicyDecision>;
  /** Whether it can decide now, for readiness. */
  ready?(): Promise<boolean>;
}

/** Shared memory: JSON objects under `namespace/key`. */
export interface MemoryPort {
  /** Undefined when there is none. Throws when memory cannot be reached; the stream goes on without it. */
  get(namespace: string, key: string, options: CallOptions): Promise<unknown>;
  put(namespace: string, key: string, object: unknown, options: CallOptions): Promise<void>;
  ready?(): Promise<boolean>;
}

/** What a connection showed of its user. */
export interface Credentials {
  /** From `Authorization: Bearer` or HELLO. */
  readonly token?: string;
}

/** Who showed credentials. */
export interface Identified {
  readonly principal: Principal;
  /** When the credentials expire, in Unix milliseconds. @default never */
  readonly expiresAt?: number;
}

/** Tells who a connection is. */
export interface IdentityPort {
  /**
   * @throws AtpError `EAUTH` when the token is missing or invalid; with `details.expired` when it was valid once, so that the
   * client asks for a new one.
   */
  authenticate(credentials: Credentials): Promise<Identified>;
}

/** Time. `now` never goes back; `wall` is Unix milliseconds. */
export interface Clock {
  now(): Ms;
  wall(): number;
  /** Calls `fn` at `when`, at once when that is past. Returns the way to stop it. */
  at(when: Ms, fn: () => void): () => void;
}

/** Randomness. */
export interface Rng {
  /** A uniform integer in 0..2^32-1. */
  u32(): number;
  /** Unguessable bytes as lower-case hexadecimal text, two characters a byte. */
  hex(bytes: number): string;
}

/** What happened, for logs, metrics and decision records. Never prompts, answers or tokens. */
export type Observation =
  | {
      readonly t: "stream.ended";
      readonly key: string;
      readonly tenant: string;
      readonly qos: Lane;
      readonly strategy: string;
      readonly taskType: string;
      readonly outcome: "final" | ErrorContent["code"];
      readonly telemetry: Telemetry;
    }
  | {
      readonly t: "stream.decision";
      readonly key: string;
      readonly tenant: string;
      readonly record: Readonly<Record<string, unknown>>;
    }
  /** A reader's word on a stream that ended; its decision was told before. */
  | {
      readonly t: "stream.judged";
      readonly key: string;
      readonly task: string;
      readonly groups: readonly (readonly string[])[];
      readonly truth: Truth;
    }
  | {
      readonly t: "adapter.status";
      readonly adapter: string;
      readonly from: AdapterStatus;
      readonly to: AdapterStatus;
      readonly reason: string;
    }
  | { readonly t: "adapter.failed"; readonly adapter: string; readonly key: string; readonly failure: Failure }
  | {
      readonly t: "adapter.overrun";
      /** Its name, as budgets and bills tell it. */
      readonly adapter: string;
      readonly key: string;
      readonly held: number;
      readonly used: number;
      readonly dimension: "tokens" | "usdMicros";
    }
  | { readonly t: "policy.denied"; readonly key: string; readonly tenant: string; readonly reasons: readonly string[] }
  /** What a stream left in shared memory after its FINAL; with `problem` it is not there. */
  | {
      readonly t: "memory.written";
      readonly key: string;
      readonly tenant: string;
      readonly namespace: string;
      readonly keys: readonly string[];
      readonly problem?: string;
    }
  | { readonly t: "socket.opened" | "socket.closed"; readonly sockets: number; readonly code?: number }
  | { readonly t: "violation"; readonly error: ErrorContent; readonly remote: string }
  /** The store of shared sessions did not answer: clients can resume here only. */
  | { readonly t: "replay.failed"; readonly error: unknown }
  /** A client resumed a session whose router is lost: its streams that had no end yet end in `EAGENTDOWN` here (A9.3). */
  | {
      readonly t: "session.adopted";
      readonly session: string;
      readonly owner: string;
      readonly streams: number;
      readonly cut: number;
    }
  | { readonly t: "defect"; readonly id: string; readonly where: string; readonly error: unknown };

/** Sees everything, decides nothing. Must not throw. */
export interface Observer {
  observe(observation: Observation): void;
}
