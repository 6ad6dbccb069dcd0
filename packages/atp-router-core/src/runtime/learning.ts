import type { Similarity } from "../consensus/index.js";
import { checkPolicy, createLearner, drawOf } from "../learning/index.js";
import type { AccuracyPrior, Challenge, ChallengeConfig, LearningState } from "../learning/index.js";
import type { Clock, LearningStore } from "../ports/index.js";
import type { CalibrationView, Feedback, LearningDesk, RouterLearning } from "../router/index.js";
import type { StreamKey, StreamOpening } from "../stream/index.js";
import type { Emit } from "./host.js";
import type { Opened } from "./session-tools.js";
import type { Tools } from "./tools.js";
import { tryChallenger } from "./trial.js";
import type { TrialTools } from "./trial.js";

/** How a router learns from its outcomes. */
export interface LearningConfig {
  /**
   * `observe` learns and decides as without; `apply` lets the strategy `auto` be decided by what was learned. Absent
   * altogether, nothing is learned and nothing paid for it.
   */
  readonly mode: "observe" | "apply";
  /** Names this router among those it merges with. @default random */
  readonly replica?: string;
  /** What is believed of adapters before anything was seen, by task type, then by name. */
  readonly priors?: Readonly<Record<string, Readonly<Record<string, AccuracyPrior>>>>;
  /** Questions of a task type that ask everybody, to learn who agrees with whom. @default 25 */
  readonly exploreFirst?: number;
  /**
   * A challenger that is tried in shadow on a share of the requests that the champion answered. It serves no client, until a sequential
   * test of readers' verdicts shows that it is better: then it takes the champion's place. @default none
   */
  readonly challenge?: ChallengeConfig & {
    /** The tenant that pays for trials, never the client's. @default "operator" */
    readonly tenant?: string;
  };
  /**
   * With `apply`, share of the decisions of `auto` that are drawn by lot among adapters that were not asked, 0 to 0.2. Records then tell
   * what other policies would have come to; it costs that share of calls more. @default 0
   */
  readonly exploreShare?: number;
  /** Holds what a request costs on average to this. @default none: a right answer's value decides */
  readonly targetUsdMicros?: number;
  /** What a right answer is worth, by task type. @default by lane: gold 100,000, silver 20,000, bronze 4,000 */
  readonly valueUsdMicros?: Readonly<Record<string, number>>;
  /**
   * A fitted policy, as `checkPolicy` takes it. With `apply` it decides the task types that it knows: at a right answer's value, or
   * at `targetUsdMicros` a question. @default none
   */
  readonly policy?: unknown;
  /** What was exported before. @default nothing */
  readonly state?: unknown;
}

/** What a router learned, to keep or to share. */
export interface Learned {
  export(): LearningState;
  /** How far the confidences of adapters are what they say. This router's own: it is neither exported nor merged. */
  calibration(): readonly CalibrationView[];
  /** How the challenger does; undefined where nobody challenges. This router's own. */
  challenge(): Readonly<Challenge> | undefined;
  /** Takes in what another router learned, in any order and twice. @throws RangeError when it is no learning state */
  merge(state: unknown): void;
}

/** A router's learning as its machine takes it. @throws RangeError when the state or the policy is none */
export function learningOf(config: LearningConfig, salt: string): RouterLearning {
  const { priors, exploreFirst, exploreShare, targetUsdMicros, valueUsdMicros } = config;
  if (exploreShare !== undefined && !(exploreShare >= 0 && exploreShare <= 0.2))
    throw new RangeError("learning.exploreShare is a share of 0 to 0.2 of the decisions");
  const learner = createLearner({
    replica: config.replica ?? salt,
    seed: Math.floor(drawOf(salt) * 2 ** 31),
    // The router's tick fits, a task type at a time.
    fitOn: "refresh",
    ...(priors === undefined ? {} : { priors }),
    // Whoever only watches asks nobody more than it would.
    exploreFirst: config.mode === "observe" ? 0 : (exploreFirst ?? 25),
    ...(targetUsdMicros === undefined ? {} : { targetUsdMicros }),
  });
  if (config.state !== undefined) learner.merge(config.state);
  const policy = config.policy === undefined ? undefined : checkPolicy(config.policy);
  if (policy?.ok === false) throw new RangeError(`learning.policy is no policy: ${policy.problem}`);
  return {
    learner,
    mode: config.mode,
    ...(config.challenge === undefined ? {} : { challenge: config.challenge }),
    ...(exploreShare === undefined ? {} : { exploreShare }),
    ...(policy === undefined ? {} : { policy: policy.policy }),
    ...(targetUsdMicros === undefined ? {} : { targetUsdMicros }),
    ...(valueUsdMicros === undefined ? {} : { valueUsdMicros }),
    draw: (key) => drawOf(`${salt}${key}`),
  };
}

/** How a challenger is asked, where there is one. */
export function trialsOf(
  challenge: LearningConfig["challenge"],
  tools: Pick<TrialTools, "limits" | "open"> & { readonly emit: Emit; readonly clock: Clock },
): Pick<Tools, "tryChallenger"> {
  if (challenge === undefined) return {};
  const { challenger, tenant = "operator" } = challenge;
  const { limits, open, emit, clock } = tools;
  const answered = (key: StreamKey, answer: string | undefined): void =>
    emit({ t: "trial.answered", at: clock.now(), key, ...(answer === undefined ? {} : { answer }) });
  return { tryChallenger: (host) => tryChallenger({ challenger, tenant, limits, open, answered }, host) };
}

/** What every stream is opened with. */
export function opensWith(
  { rich, dryRun, trial = false }: Opened,
  learning: RouterLearning | undefined,
  similarity: Similarity | undefined,
): Pick<StreamOpening, "rich" | "dryRun" | "trial" | "learns" | "similarity"> {
  return {
    rich,
    dryRun,
    trial,
    ...(learning === undefined ? {} : { learns: learning.mode === "apply" }),
    ...(similarity === undefined ? {} : { similarity }),
  };
}

/** A reader's word, as far as it is one: a rating from 0 to 1, the name of an adapter, the right answer. */
export function feedbackOf(content: unknown): Feedback {
  const { rating, chosen, correct } = (content ?? {}) as Readonly<Record<string, unknown>>;
  return {
    ...(typeof rating === "number" && rating >= 0 && rating <= 1 ? { rating } : {}),
    ...(typeof chosen === "string" ? { chosen } : {}),
    ...(typeof correct === "string" && correct.trim() !== "" ? { correct } : {}),
  };
}

/** How often learned states are exchanged, in ticks of a quarter of a second. */
const EXCHANGE_EVERY_TICKS = 40;

/**
 * Exchanges what was learned with other routers, one exchange at a time. A store that is away is asked again the next time: what could not
 * be told then is in the state that is told later.
 */
export function exchanging(
  learning: RouterLearning | undefined,
  config: { readonly learning?: LearningConfig; readonly learningStore?: LearningStore },
  salt: string,
): (ticks: number) => void {
  const { learningStore: store } = config;
  const replica = config.learning?.replica ?? salt;
  if (learning === undefined || store === undefined) return () => undefined;
  const { learner } = learning;
  let busy = false;
  return (ticks) => {
    if (busy || ticks % EXCHANGE_EVERY_TICKS !== 0) return;
    busy = true;
    const { v, replicas, since } = learner.export();
    // Its own column only: the others publish theirs, and one that nobody publishes any more is forgotten.
    store
      .exchange(replica, { v, replicas: { [replica]: replicas[replica] ?? {} }, since })
      .then((others) => {
        for (const other of others) {
          // A state of a version that this build does not know is left alone.
          try {
            learner.merge(other);
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
          }
        }
        // Thought through here, so that no request has to.
        if (others.length > 0) learner.refresh();
      })
      .catch(() => undefined)
      .finally(() => {
        busy = false;
      });
  };
}

/** What a router shows of its learning: nothing where it learns nothing. */
export function learnedBy(
  learning: RouterLearning | undefined,
  desk: LearningDesk | undefined,
): { readonly learning?: Learned } {
  if (learning === undefined || desk === undefined) return {};
  const { learner } = learning;
  return {
    learning: {
      export: () => learner.export(),
      merge: (state) => learner.merge(state),
      calibration: () => desk.calibration(),
      challenge: () => desk.challenge?.state,
    },
  };
}
