import type { Qos } from "atp-protocol";
import type {
  Amounts,
  Answer,
  BudgetRefusal,
  Candidate,
  Failure,
  Limits,
  Ms,
  Plan,
  PlannedCall,
  PlanOption,
  PolicyDecision,
} from "../model/index.js";
import type { OutputMeter } from "../money/index.js";
import type { LimitSources, StreamKey, StreamOpening } from "./events.js";

/** Where a call of a stream is in its life. */
export type LegPhase =
  /** Its hold was asked. */
  | "holding"
  /** Its hold did not fit: it waits for a window to free. */
  | "waiting"
  /** Held, and queued in a lane. */
  | "queued"
  | "running"
  | "ended";

/** One call of a stream. */
export interface Leg {
  readonly index: number;
  readonly call: PlannedCall;
  phase: LegPhase;
  /** The hold's id; a new one for each attempt to reserve. */
  hold: string;
  /** How often a hold was asked since it last fitted or had to wait. */
  holdAttempts: number;
  held: Amounts;
  /** The hold that the call was sent with, before any extension. */
  granted: Amounts;
  maxOutputTokens: number;
  /** How often the open hold was extended, and how the last extension fared. */
  extensions: number;
  extension: "none" | "asked" | "refused";
  /** What the refusal of an extension said is left. */
  extensionLeft: Limits | undefined;
  inTokens: number;
  outTokens: number;
  usdMicros: number;
  /** Output of the last quarter of a second: what may be on its way when a call is cancelled. */
  readonly recent: OutputMeter;
  chunks: number;
  /** Which telling of this call's slot its partials are, and how many of them were told; a higher one voids the earlier. */
  attempt: number;
  told: number;
  /** It was told that what this call said is void. */
  cut: boolean;
  /** Pieces the adapter may still deliver. */
  demand: number;
  text: string;
  confidence: number | undefined;
  enqueuedAt: Ms;
  startedAt: Ms | undefined;
  firstAt: Ms | undefined;
  endedAt: Ms | undefined;
  outcome: "ok" | "failed" | "cancelled" | "timeout" | "skipped" | undefined;
  failure: Failure | undefined;
  /** Calls for the same slot before this one. */
  readonly nth: number;
  /** The call that said nothing yet when this one was sent beside it. */
  readonly hedges: number | undefined;
  /** Characters of its text that an earlier call said. */
  begun: number;
}

/** A call that is to be made because others failed. */
export interface Retry {
  /** The next rung of the plan; the failed call's adapter anew; or that one, from where it broke off. */
  readonly how: "rung" | "again" | "continue";
  readonly leg: number;
}

/** One decision on advice. */
export interface Decided {
  readonly ask: string | null;
  readonly by: string;
  readonly confidence: number;
  /** The chance with which this was decided. */
  readonly propensity: number;
  /** The chance of each call, by adapter; what is missing to 1 is that of an answer now. */
  readonly chances: Readonly<Record<string, number>>;
  readonly options: readonly PlanOption[];
}

/** One stream's life. Plain data: `structuredClone` forks it. */
export interface StreamState {
  readonly key: StreamKey;
  readonly openedAt: Ms;
  opening: StreamOpening;
  /** How often each kind was taken out of the prompt. */
  redacted: Readonly<Partial<Record<string, number>>> | undefined;
  phase: "policy" | "asking" | "running" | "ended";
  qos: Qos;
  window: Limits;
  candidates: Candidate[];
  policy: PolicyDecision | undefined;
  /** Answers still missing before a plan can be made. */
  missing: { estimates: number; memory: boolean; left: boolean };
  left: Limits;
  leftFrom: LimitSources;
  contextJson: string;
  memoryNote: Record<string, unknown> | undefined;
  plan: Plan | undefined;
  rung: number;
  legs: Leg[];
  /** Number of the next hold. */
  nextHold: number;
  answers: Answer[];
  refusal: BudgetRefusal | undefined;
  /** When the window that refused refills, in milliseconds from then; undefined when it never does. */
  refillMs: Ms | undefined;
  /** A provisional answer that was told, to see whether the final one revises it. */
  told: string | undefined;
  shed: { reason: string; retryAfterMs: Ms } | undefined;
  ledgerDown: boolean;
  /** The reader is slow, for one reason or two: no leg is given more demand. */
  full: { socket: boolean; stream: boolean };
  /** Characters that came while it is. */
  heldCharacters: number;
  windowTimer: boolean;
  /** What the client was told is left of its window, and when; undefined: nothing but the window itself. */
  toldLeft: { readonly tokens: number; readonly usdMicros: number } | undefined;
  toldLeftAt: Ms;
  hedgeTimer: boolean;
  /** Calls that were made because one failed. */
  retries: number;
  /** The one that is asked for or waited for. */
  retry: Retry | undefined;
  queueMs: Ms;
  firstPartialAt: Ms | undefined;
  escalations: number;
  /** What was advised, in order: for the record. */
  advised: Decided[];
}

/** A new stream's state. */
export function newStream(
  key: StreamKey,
  at: Ms,
  opening: StreamOpening,
  candidates: readonly Candidate[],
): StreamState {
  return {
    key,
    openedAt: at,
    opening,
    redacted: undefined,
    phase: "policy",
    qos: opening.qos,
    window: opening.window,
    candidates: [...candidates],
    policy: undefined,
    missing: { estimates: 0, memory: false, left: false },
    left: {},
    leftFrom: {},
    contextJson: "",
    memoryNote: undefined,
    plan: undefined,
    rung: -1,
    legs: [],
    nextHold: 0,
    answers: [],
    refusal: undefined,
    refillMs: undefined,
    told: undefined,
    shed: undefined,
    ledgerDown: false,
    full: { socket: false, stream: false },
    heldCharacters: 0,
    windowTimer: false,
    toldLeft: undefined,
    toldLeftAt: -Infinity,
    hedgeTimer: false,
    retries: 0,
    retry: undefined,
    queueMs: 0,
    firstPartialAt: undefined,
    escalations: 0,
    advised: [],
  };
}
