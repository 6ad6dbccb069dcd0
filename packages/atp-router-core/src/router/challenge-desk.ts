import type { FinalContent } from "atp-protocol";
import { weigh } from "../consensus/index.js";
import type { WeighOptions } from "../consensus/index.js";
import { newChallenge, tried, tries } from "../learning/index.js";
import type { Challenge, ChallengeConfig } from "../learning/index.js";
import type { Candidate } from "../model/index.js";
import type { StreamEnd, StreamKey, StreamOpening } from "../stream/index.js";

/** Trials that wait for the challenger or for a reader's word; past it the oldest are forgotten. */
const MAX_OPEN = 1_000;

/** One request that both are to answer. */
interface Trial {
  readonly champion: string;
  readonly options: WeighOptions;
  /** The challenger's answer; undefined until it came. */
  answer: string | undefined;
  /** The right answer, as a reader gave it. */
  correct: string | undefined;
}

/** A challenger that is tried beside the champion, on requests of which it answers none. */
export interface ChallengeDesk {
  readonly state: Challenge;
  /** Who may answer a client: the champion, until the challenger has taken its place. */
  offered(opening: StreamOpening, candidates: readonly Candidate[]): readonly Candidate[];
  /** A client's stream ended. True: the challenger is to be asked the same. `u` is uniform in [0, 1). */
  ended(end: StreamEnd & { readonly key: StreamKey }, opening: StreamOpening, u: number): boolean;
  /** What the challenger said to the request of this stream; undefined: nothing. */
  answered(key: StreamKey, answer: string | undefined): void;
  /** A reader's word on the stream: the right answer, when it gave one. */
  judged(key: StreamKey, correct: string | undefined): void;
}

/** @throws RangeError when the configuration is no challenge */
export function createChallengeDesk(config: ChallengeConfig): ChallengeDesk {
  const state = newChallenge(config);
  const open = new Map<StreamKey, Trial>();

  /**
   * Counts a trial once both have answered and a reader has said what is right. A rating alone is not counted: it tells of a challenger that
   * differs from a right champion that it is wrong, but of none that differs from a wrong one that it is right.
   */
  function count(key: StreamKey, { champion, answer, correct, options }: Trial): void {
    if (answer === undefined || correct === undefined) return;
    open.delete(key);
    tried(state, same(champion, correct, options), same(answer, correct, options));
  }

  return {
    state,
    offered({ trial }, candidates) {
      if (trial === true) return candidates;
      const out = state.verdict === "promoted" ? config.champion : config.challenger;
      return candidates.filter(({ info }) => info.name !== out);
    },
    ended(end, { trial, dryRun, task, similarity }, u) {
      if (trial === true || dryRun || end.by !== "final" || end.restricted === true || !tries(state, u)) return false;
      const champion = answerOf(config.champion, end.content);
      if (champion === undefined) return false;
      const { choices } = task.content;
      const options = {
        ...(choices === undefined ? {} : { choices }),
        ...(similarity === undefined ? {} : { similarity }),
      };
      open.set(end.key, { champion, options, answer: undefined, correct: undefined });
      const [oldest] = open.keys();
      if (open.size > MAX_OPEN && oldest !== undefined) open.delete(oldest);
      return true;
    },
    answered(key, answer) {
      const trial = open.get(key);
      if (trial === undefined) return;
      // Whoever says nothing is wrong, which an empty answer tells: it agrees with none.
      trial.answer = answer ?? "";
      count(key, trial);
    },
    judged(key, correct) {
      const trial = open.get(key);
      if (trial === undefined) return;
      trial.correct = correct;
      if (correct === undefined) open.delete(key);
      else count(key, trial);
    },
  };
}

/** What an adapter said to a client: the answer that was given, or one that dissented. */
function answerOf(adapter: string, { answer, consensus }: FinalContent): string | undefined {
  if (consensus?.support.includes(adapter) === true) return answer;
  return consensus?.dissent.find(({ adapters }) => adapters.includes(adapter))?.answer;
}

function same(a: string, b: string, options: WeighOptions): boolean {
  const said = (adapter: string, text: string) => ({ adapter, sample: 0, text, evidence: [] });
  return b.trim() !== "" && weigh([said("a", a), said("b", b)], options).support.length === 2;
}
