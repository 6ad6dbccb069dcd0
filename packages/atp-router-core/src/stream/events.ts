import type { ErrorContent, FinalContent, Payload, Qos, Telemetry, Window } from "atp-protocol";
import type { Similarity } from "../consensus/index.js";
import type { Advice, Calibrator, Offer, VoteWeights } from "../learning/index.js";
import type {
  AdapterFinal,
  Amounts,
  BudgetRefusal,
  Candidate,
  Chunk,
  Dimension,
  Estimate,
  Failure,
  HoldAsk,
  Limits,
  Ms,
  PolicyDecision,
  PolicyInput,
  Principal,
  Route,
  Task,
  Usage,
} from "../model/index.js";
import type { RetryAsk } from "../routing/index.js";
import type { Heard } from "./advice.js";

/** A prompt without what policy wants out of it, and how often each kind was there. */
export interface RedactedPrompt {
  readonly content: Task["content"];
  readonly promptJson: string;
  readonly found: Readonly<Partial<Record<string, number>>>;
}

/** A stream's name inside a router: the session's epoch and the stream's own id. */
export type StreamKey = string;

/** A scope that a stream's holds are counted in, the stream's own excepted. */
export interface OuterScope {
  readonly source: "session" | "tenant";
  readonly key: string;
  readonly limits: Limits;
  /** Whose budget it is, where that changes with time. */
  readonly tenant?: string;
  /** When its period ends, or what left its window is free again; absent for one that never refills. */
  readonly refillsAt?: Ms;
}

/** Which outer window binds, by dimension: its scope's key. */
export type LimitSources = Partial<Record<Dimension, string>>;

/** What was learned of those who may answer, as it is when a stream opens. */
export interface Weighing extends VoteWeights {
  /** By adapter: what its confidence has proved to be. */
  readonly calibrators: Readonly<Record<string, Calibrator>>;
}

/** What a stream needs to know when it opens. */
export interface StreamOpening {
  readonly task: Task;
  readonly principal: Principal;
  /** The lane granted. */
  readonly qos: Qos;
  /** The stream's own ceilings, already cut to its session's. */
  readonly window: Limits;
  readonly scopes: readonly OuterScope[];
  readonly route?: Route;
  /** The client sent HELLO: it understands plans and provisional results. */
  readonly rich: boolean;
  /** Let what was learned decide `auto`. */
  readonly learns?: boolean;
  /** How far each answer counts, whatever the strategy. @default by the answers' own confidence alone */
  readonly weighing?: Weighing;
  /** Compares free texts. The only member that is no plain data. @default lexical */
  readonly similarity?: Similarity;
  /** Stop after the plan and tell it: nothing is spent. */
  readonly dryRun: boolean;
  /** A challenger's, beside a client's stream: nobody reads it. */
  readonly trial?: boolean;
  readonly deadlineAt: Ms;
  readonly maxWindowWaitMs: number;
  /** Lanes in which an answer that breaks off may begin anew; in others it ends the stream. */
  readonly restarts: readonly Qos[];
}

/** Everything that can happen to a stream. */
export type StreamEvent = { readonly at: Ms; readonly key: StreamKey } & (
  | { readonly t: "stream.opened"; readonly opening: StreamOpening; readonly candidates: readonly Candidate[] }
  | { readonly t: "client.cancelled"; readonly reason: string }
  /** The client's connection is lost: nobody reads, and nobody's slowness counts. */
  | { readonly t: "client.detached" }
  /** What the reader missed is gone for good: tell each adapter's text so far anew (A9.2). */
  | { readonly t: "client.gap" }
  | { readonly t: "client.window"; readonly limits: Limits }
  | { readonly t: "policy.decided"; readonly decision: PolicyDecision; readonly redacted?: RedactedPrompt }
  | { readonly t: "policy.failed"; readonly message: string }
  | { readonly t: "memory.read"; readonly values: Readonly<Record<string, unknown>>; readonly problem?: string }
  /** What the outer windows leave, and which of them leaves the least. */
  | { readonly t: "money.left"; readonly left: Limits; readonly from: LimitSources }
  | {
      readonly t: "adapter.estimated";
      readonly adapter: string;
      readonly result: { readonly estimate: Estimate } | { readonly failure: Failure };
      /** The adapter's own words, when the router corrected them. */
      readonly quoted?: Estimate;
    }
  | { readonly t: "hold.granted"; readonly leg: number }
  | {
      readonly t: "hold.refused";
      readonly leg: number;
      readonly refusal: BudgetRefusal;
      readonly left: Limits;
      /** When the window that refused refills; absent when it never does. */
      readonly refillsAt?: Ms;
    }
  /** Calls that were to be held for together do not fit together; none of them is held for. */
  | { readonly t: "group.refused"; readonly legs: readonly number[]; readonly left: Limits }
  | { readonly t: "hold.extended"; readonly leg: number; readonly more: Amounts }
  | { readonly t: "hold.notExtended"; readonly leg: number; readonly left?: Limits }
  /** The ledger could not answer: money fails closed. */
  | { readonly t: "hold.unavailable"; readonly leg: number }
  /** Something may fit that did not before. */
  | { readonly t: "money.room" }
  | {
      readonly t: "lane.granted";
      readonly leg: number;
      readonly waitedMs: Ms;
      /** After how long without a piece a second call may be asked for. */
      readonly hedgeAfterMs?: Ms;
    }
  | { readonly t: "lane.shed"; readonly leg: number; readonly reason: string; readonly retryAfterMs: Ms }
  /** It runs, and has to make room for gold. */
  | { readonly t: "leg.preempted"; readonly leg: number; readonly retryAfterMs: Ms }
  | { readonly t: "leg.chunk"; readonly leg: number; readonly chunk: Chunk }
  | {
      readonly t: "leg.ended";
      readonly leg: number;
      readonly end: { readonly final: AdapterFinal } | { readonly failure: Failure };
    }
  | { readonly t: "advice.given"; readonly advice: Advice }
  /** A second call may go to this adapter, beside the one that says nothing yet. */
  | { readonly t: "hedge.allowed"; readonly leg: number; readonly adapter: string }
  /** How long to wait before the call that was asked about; null: it is not to be made. */
  | { readonly t: "retry.decided"; readonly waitMs: Ms | null }
  /** The reader is slow: its socket as a whole, or this stream of it, for which it grants nothing. */
  | { readonly t: "outbox.full"; readonly of: "socket" | "stream" }
  /** There is room again; absent: it has another reader, or none. */
  | { readonly t: "outbox.room"; readonly of?: "socket" | "stream" }
  | { readonly t: "timer.fired"; readonly timer: TimerName }
  /** The router shuts down and its patience is over. */
  | { readonly t: "drain.over" }
  /** A defect was caught while this stream was handled. */
  | { readonly t: "defect"; readonly id: string }
);

/** Timers of a stream: its deadline, its patience for a window to free and for a first piece, and the wait before a retry. */
export type TimerName = "deadline" | "window" | "hedge" | "retry" | "left";

/** What a stream asks for. */
export type StreamEffect = { readonly key: StreamKey } & (
  | { readonly t: "policy.ask"; readonly input: PolicyInput }
  | { readonly t: "accept"; readonly qos: Qos; readonly window: Window }
  | { readonly t: "memory.read"; readonly namespace: string; readonly keys: readonly string[] }
  | { readonly t: "money.read"; readonly scopes: readonly OuterScope[]; readonly window: Limits }
  | { readonly t: "money.limit"; readonly window: Limits }
  | { readonly t: "adapter.estimate"; readonly adapter: string; readonly task: Task; readonly deadlineAt: Ms }
  /** Holds for calls that are made at the same time: all of them, or none. */
  | {
      readonly t: "hold.reserveAll";
      readonly holds: readonly (HoldAsk & { readonly leg: number; readonly adapter: string })[];
      readonly lane: Qos;
      readonly scopes: readonly OuterScope[];
      readonly window: Limits;
      readonly ttlMs: Ms;
    }
  | {
      readonly t: "hold.reserve";
      readonly leg: number;
      readonly adapter: string;
      readonly lane: Qos;
      readonly hold: string;
      /** Its call leaves as soon as the hold stands, as far as can be told: a slot is free. */
      readonly leaves?: true;
      readonly scopes: readonly OuterScope[];
      readonly window: Limits;
      readonly amounts: Amounts;
      readonly ttlMs: Ms;
    }
  | {
      readonly t: "hold.extend";
      readonly leg: number;
      readonly hold: string;
      readonly attempt: number;
      readonly more: Amounts;
    }
  | {
      readonly t: "hold.settle";
      readonly hold: string;
      readonly used: { readonly tokens: number; readonly usdMicros: number };
    }
  | { readonly t: "hold.void"; readonly hold: string }
  /** A call that was to leave as soon as its hold stood waits for a slot. */
  | { readonly t: "hold.recall"; readonly hold: string }
  /** What a call really cost, beside what its adapter had said. */
  | {
      readonly t: "cost.seen";
      readonly adapter: string;
      readonly taskType: string;
      readonly quoted: Estimate;
      readonly used: Usage;
      readonly cut: boolean;
    }
  | {
      readonly t: "lane.enqueue";
      readonly leg: number;
      readonly lane: Qos;
      readonly tenant: string;
      /** The session's scope: sessions of a tenant share what it gets. */
      readonly session: string;
      readonly adapter: string;
      /** As it is expected to use. */
      readonly inTokens: number;
      readonly outTokens: number;
      readonly deadlineAt: Ms;
    }
  | { readonly t: "lane.release"; readonly leg: number; readonly inTokens: number; readonly outTokens: number }
  | { readonly t: "lane.cancel"; readonly leg: number }
  | {
      readonly t: "leg.start";
      readonly leg: number;
      readonly adapter: string;
      readonly hold: string;
      readonly task: Task;
      readonly qos: Qos;
      readonly maxOutputTokens: number;
      readonly contextJson: string;
      readonly sample: number;
      readonly attempt: number;
      readonly deadlineAt: Ms;
      /** What it said before it broke off, for an adapter that takes an answer up where it was left. */
      readonly begun?: string;
    }
  /** May a second call be sent to one of these, best first? Answered only when it may. */
  | { readonly t: "hedge.ask"; readonly leg: number; readonly adapters: readonly string[] }
  /** May a call be sent because one failed? */
  | ({ readonly t: "retry.ask" } & RetryAsk)
  /** What is worth doing next, by what was learned? */
  | {
      readonly t: "advice.ask";
      readonly task: string;
      readonly qos: Qos;
      readonly groups: readonly (readonly string[])[];
      readonly silent: readonly string[];
      readonly paidUsdMicros: number;
      readonly offers: readonly Offer[];
      readonly dryRun: boolean;
      /** The request as its adapters read it: an imported policy may look at the prompt's shape. */
      readonly content: Task["content"];
      /** Who answered, in the order in which they did. */
      readonly answered: readonly { readonly adapter: string; readonly outputTokens: number }[];
    }
  | { readonly t: "leg.demand"; readonly leg: number; readonly n: number }
  | { readonly t: "leg.cancel"; readonly leg: number; readonly reason: string }
  | { readonly t: "send"; readonly payload: Payload; readonly mergeKey?: string }
  | { readonly t: "control"; readonly payload: Payload }
  | { readonly t: "timer.set"; readonly timer: TimerName; readonly at: Ms }
  | { readonly t: "timer.clear"; readonly timer: TimerName }
  | {
      readonly t: "overrun";
      readonly adapter: string;
      readonly name: string;
      readonly dimension: "tokens" | "usdMicros";
      readonly held: number;
      readonly used: number;
    }
  /** A dry run's answer. */
  | { readonly t: "explained"; readonly content: Readonly<Record<string, unknown>> }
  | StreamEnd
);

/** What a stream leaves in shared memory. */
export interface StreamArtifact {
  readonly namespace: string;
  readonly keys: readonly string[];
  /** The FINAL's content, its bill, and its provenance. */
  readonly object: Readonly<Record<string, unknown>>;
}

/** Effects that the router answers itself, in the same turn. */
export type RouterOwn = `lane.${string}` | "advice.ask" | "cost.seen" | "hedge.ask" | "retry.ask";

/** The stream's one end. Everything is settled before it. */
export type StreamEnd = {
  readonly t: "stream.closed";
  readonly telemetry: Telemetry;
  readonly record: Readonly<Record<string, unknown>>;
  /** Who gave which answer, the one that was given first; absent when nobody answered. */
  readonly heard?: Heard;
  /** Policy bound who may see this request, or what may become of it: nobody else is to be asked. */
  readonly restricted?: boolean;
  /** The challenger is to be asked the same. */
  readonly trial?: boolean;
  /** The confidence that each adapter told, as it told it. */
  readonly told?: Readonly<Record<string, number>>;
} & (
  | {
      readonly by: "final";
      readonly content: FinalContent;
      readonly confidence: number | undefined;
      /** Written after the FINAL was told; absent when nothing is to be kept. */
      readonly artifact?: StreamArtifact;
    }
  | { readonly by: "error"; readonly error: ErrorContent }
);
