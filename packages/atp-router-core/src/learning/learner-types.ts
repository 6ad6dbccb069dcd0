import type { AccuracyPrior } from "./difficulty.js";
import type { Standing } from "./lookahead.js";
import type { Pacer } from "./pacer.js";
import type { Truth } from "../model/index.js";
import type { Beta } from "./reliability.js";
import type { LearningState } from "./state.js";
import type { VoteWeights } from "./vote-weights.js";

/** How a learner learns and what for. */
export interface LearnerConfig {
  /** Names this router among those it merges with. */
  readonly replica: string;
  /** What is believed of adapters before anything was seen, by task, then by name. */
  readonly priors?: Readonly<Record<string, Readonly<Record<string, AccuracyPrior>>>>;
  /**
   * Questions of a task that ask every adapter, so that it is known who agrees with whom. Priors of twenty verdicts and more make it
   * needless. @default 25
   */
  readonly exploreFirst?: number;
  /** Holds spending to this many micro-dollars a request. @default none: a right answer's value decides */
  readonly targetUsdMicros?: number;
  /** Decide by the best belief alone, never by one drawn from what is still believable: nothing new is found out. @default false */
  readonly greedy?: boolean;
  /**
   * When what came in is fitted. `advice`: whenever advice is asked for. `refresh`: by {@link Learner.refresh} alone, so that no
   * request waits for a fit; a task's first fit and one with a new adapter are done at once all the same. @default "advice"
   */
  readonly fitOn?: "advice" | "refresh";
  /** @default 1 */
  readonly seed?: number;
}

/** One question on its way. Plain data; keep it from the first advice to its end. */
export interface Question {
  readonly task: string;
  readonly bucket: string;
  /** What a right answer is worth, in micro-dollars. */
  readonly valueUsdMicros: number;
  /** It asks everybody, to learn. */
  readonly explores: boolean;
  /** Which belief decides it, 0 to 1. */
  readonly u: number;
  /** What a micro-dollar counts for it. */
  readonly priceOfMoney: number;
}

/** Who can be asked, at its quote. */
export interface Offer {
  readonly adapter: string;
  readonly usdMicros: number;
}

/** What asking an adapter promises. */
export interface Option extends Offer {
  /** Rise of the chance to end with a right answer, less what later calls would cost. */
  readonly gain: number;
  /** The gain less the call's price, as a chance of a right answer. Worth it above 0. */
  readonly net: number;
}

/** What to do next, and why. */
export interface Advice {
  /** Whom to ask; absent: answer now. */
  readonly ask?: string;
  /** The group to answer with: an index into the groups given; -1 while there is none. */
  readonly leading: number;
  /** Chance that it is right. */
  readonly confidence: number;
  /** Chance of each group. */
  readonly right: readonly number[];
  /** Who could be asked, best first. */
  readonly options: readonly Option[];
  /** `explore`: to learn; `random`: drawn by lot, so that records tell of what is else never done; `value`: by what it brings; `first`: nobody answered yet; `policy`: by an imported policy. */
  readonly by: "explore" | "random" | "value" | "first" | "policy";
  /** The reason in a sentence, where the one who advises has one of its own. */
  readonly why?: string;
  /** Share of the beliefs that would do the same: the chance of this decision. Asks every belief, so call it only for a record. */
  propensity(): number;
  /** The chance of every call that might have been made instead, by adapter; what is missing to 1 is the chance to answer now. For records too. */
  chances(): Readonly<Record<string, number>>;
}

/** What a question came to. */
export interface Outcome {
  readonly groups: readonly (readonly string[])[];
  readonly silent: readonly string[];
  readonly truth: Truth;
}

/** Learns who is right in which task, and advises whom to ask next. Pure: the same calls give the same answers. */
export interface Learner {
  /** A question arrives. `u` is uniform in [0, 1). */
  begin(
    task: string,
    options: {
      readonly bucket?: string;
      readonly valueUsdMicros: number;
      readonly u: number;
      /** It is only explained: it does not count. */
      readonly dryRun?: boolean;
    },
  ): Question;
  advise(
    question: Question,
    seen: { readonly groups: Standing["groups"]; readonly silent: readonly string[]; readonly paidUsdMicros: number },
    offers: readonly Offer[],
  ): Advice;
  /** A question was paid for, whatever came of it. */
  spent(usdMicros: number): void;
  /** A verdict on a question's answers; `unknown` when nobody gave one. Adapters that changed are told. */
  learn(question: Pick<Question, "task" | "bucket">, outcome: Outcome): readonly string[];
  /** Chance that each adapter is right on a question of a task, by what is known. */
  accuracy(task: string, bucket?: string): Readonly<Record<string, number>>;
  /** Verdicts on an adapter in a task over what is known of it elsewhere. */
  reliability(task: string, adapter: string): Beta;
  /** How far each adapter's vote counts in a task, as of the last fit: a look-up, asked at every request. */
  weights(task: string): VoteWeights | undefined;
  /** Fits what came in, so that no request has to wait for it: of one task, the next in turn, whose name is returned when it was fitted; or of all. @default all */
  refresh(which?: "next" | "all"): string | undefined;
  export(): LearningState;
  /** Takes in what another router learned. @throws RangeError when it is no learning state */
  merge(state: unknown): void;
  readonly pacer: Pacer | undefined;
  /** Verdicts by task, unknown ones included. */
  readonly learned: Readonly<Record<string, number>>;
}
