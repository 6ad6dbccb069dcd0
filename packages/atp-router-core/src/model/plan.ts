import type { Strategy } from "atp-protocol";
import type { AdapterInfo, AdapterStatus, Amounts, Estimate, Failure, Limits, Ms } from "./values.js";

/** An adapter as the plan sees it: what it is, how it is, and what it asked for. */
export interface Candidate {
  readonly info: AdapterInfo;
  readonly status: AdapterStatus;
  /** Absent until it was asked, or when it failed. Corrected by what calls of this adapter really cost. */
  readonly estimate?: Estimate;
  /** The adapter's own words, before any correction. */
  readonly quoted?: Estimate;
  readonly failure?: Failure;
  /** It is full, or just comes back: to be asked after all others. */
  readonly late?: true;
  /** Its calls fail: it is not to be asked for so long, whoever else is left. */
  readonly shutMs?: Ms;
}

/** Why a candidate was left out of a plan. */
export interface Exclusion {
  readonly adapter: string;
  /** `tags`, `context`, `estimate`, `status`, `budget`, `route`. */
  readonly reason: string;
  readonly message: string;
}

/** One call that a plan may make. */
export interface PlannedCall {
  readonly adapter: AdapterInfo;
  /** Which clone, from 0. */
  readonly sample: number;
  readonly estimate: Estimate;
  /** The adapter's own words, when the estimate is a correction of them. */
  readonly quoted?: Estimate;
  /** What is held for it, and with it the clip: the most output tokens it is sent with. */
  readonly hold: Amounts;
  readonly maxOutputTokens: number;
  /** Its adapter is busy, full, or just comes back: others go first. */
  readonly late?: true;
}

/** When the weighing ends. */
export interface StopRule {
  /** Stop when the leading answer's confidence reaches this, 0 to 1. Absent: never by confidence. */
  readonly minConfidence?: number;
  /** Stop when this share of the answers' weight agrees and at least two answered. Absent: never by agreement. */
  readonly minAgreement?: number;
  /** Stop when this many answers agree; not reached at the end is `ECONSENSUS`. */
  readonly quorum?: number;
  /** After each answer ask whoever is worth a price, and stop when nobody is. */
  readonly byValue?: boolean;
  /** Look at every answer as it comes, not only when a rung is complete. */
  readonly eager: boolean;
}

/** What asking an adapter promises, in chances of a right answer. */
export interface PlanOption {
  readonly adapter: string;
  readonly usdMicros: number;
  /** Rise of the chance to end with a right answer, less what later calls would cost. */
  readonly gain: number;
  /** The gain less the price; worth it above 0. */
  readonly net: number;
}

/** Who is asked, in which order, and until when. */
export interface Plan {
  readonly strategy: Strategy;
  /** Rungs in order; the calls of one rung start together. */
  readonly rungs: readonly (readonly PlannedCall[])[];
  readonly stop: StopRule;
  /** Later rungs start only after a failure, not for a better answer. */
  readonly failoverOnly: boolean;
  /** Expected tokens and micro-dollars if the first rung is enough. */
  readonly expected: { readonly tokens: number; readonly usdMicros: number };
  /** The same if every rung runs. */
  readonly worst: { readonly tokens: number; readonly usdMicros: number };
  /** What asking each adapter was expected to bring, where that was learned; best first. */
  readonly options?: readonly PlanOption[];
  /** Sentences that give the reason for each choice. */
  readonly why: readonly string[];
  readonly excluded: readonly Exclusion[];
}

/** A rule of the route table: the first that matches a task wins. */
export interface Route {
  readonly match: { readonly taskType?: string; readonly qos?: string };
  readonly strategy?: Strategy;
  /** Names of adapters in order of preference; absent: all. */
  readonly adapters?: readonly string[];
  /** Tags an adapter must all have. */
  readonly tags?: readonly string[];
  /** @default 0.7 */
  readonly minConfidence?: number;
  /** @default 0.6 */
  readonly minAgreement?: number;
  /** Answers that must agree under `quorum`. @default 2 */
  readonly quorum?: number;
  /** The most that each of its streams may spend. @default the session's ceilings */
  readonly budget?: Limits;
}
