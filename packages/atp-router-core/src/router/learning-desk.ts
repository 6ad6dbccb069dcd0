import { calibrationError, learnLabel, newCalibrator, promptOf } from "../learning/index.js";
import type {
  Advice,
  Aim,
  AnswerPolicy,
  Calibrator,
  ChallengeConfig,
  Learner,
  Offer,
  PromptFeatures,
  Question,
  Truth,
} from "../learning/index.js";
import type { Lane, Task } from "../model/index.js";
import type { StreamEnd, StreamKey, StreamOpening, Weighing } from "../stream/index.js";
import { createChallengeDesk } from "./challenge-desk.js";
import type { ChallengeDesk } from "./challenge-desk.js";
import { knowsTask, policyAdvice } from "./policy-advice.js";

/** Answers that wait for their readers' word; past it the oldest count as answers nobody judged. */
const MAX_WAITING = 1_000;

/** Task types whose confidences are calibrated; of more it keeps those that came first. */
const MAX_TASKS = 200;

/** How a router learns. */
export interface RouterLearning {
  readonly learner: Learner;
  /** `observe`: learn, and decide as without. `apply`: let `auto` be decided by what was learned. */
  readonly mode: "observe" | "apply";
  /** What a right answer is worth in a task, in micro-dollars; else what its lane says. */
  readonly valueUsdMicros?: Readonly<Record<string, number>>;
  /** A fitted policy: it decides the task types that it knows, and the learner the others. */
  readonly policy?: AnswerPolicy;
  /** What a question may cost on average where a policy decides. @default none: a right answer's value decides */
  readonly targetUsdMicros?: number;
  /** Share of the decisions that are drawn by lot among those who were not asked, so that records tell of what is else never done. @default 0 */
  readonly exploreShare?: number;
  /** A challenger to be tried beside the champion. @default none */
  readonly challenge?: ChallengeConfig;
  /** A uniform number in [0, 1) of a stream, the same whenever it is asked. */
  readonly draw: (key: StreamKey) => number;
}

/** What a right answer is worth by lane, in micro-dollars, where configuration says nothing of its task. */
const laneValue: Readonly<Record<Lane, number>> = { gold: 100_000, silver: 20_000, bronze: 4_000 };

/** What a stream ended with. */
export interface Ended {
  readonly task: string;
  /** Adapters by answer; the one that was given first. */
  readonly groups: readonly (readonly string[])[];
  readonly silent: readonly string[];
  /** The confidence that each adapter told of its answer. */
  readonly told: Readonly<Record<string, number>>;
}

/** How far an adapter's confidence is what it says, in one task type. */
export interface CalibrationView {
  readonly task: string;
  readonly adapter: string;
  /** Confidences of which somebody said whether they came true. */
  readonly labels: number;
  /** Expected calibration error as told and as calibrated, 0 to 1, over the last 1,000 labels. */
  readonly rawError: number;
  readonly error: number;
}

/** A reader's word on a finished stream: how good it was from 0 to 1, or whose answer was best. */
export interface Feedback {
  readonly rating?: number;
  readonly chosen?: string;
  /** What the right answer is; a challenger is judged by it. */
  readonly correct?: string;
}

/** What a reader's word came to: for the record. */
export interface Judged {
  readonly task: string;
  /** Adapters by answer, and which of them is right, or wrong. */
  readonly groups: readonly (readonly string[])[];
  readonly truth: Truth;
}

/** Keeps what streams under way and finished ones have to do with learning. */
export interface LearningDesk {
  readonly applies: boolean;
  advise(
    key: StreamKey,
    ask: {
      readonly task: string;
      readonly qos: Lane;
      readonly groups: readonly (readonly string[])[];
      readonly silent: readonly string[];
      readonly paidUsdMicros: number;
      readonly offers: readonly Offer[];
      readonly dryRun: boolean;
      readonly content: Task["content"];
      readonly answered: readonly { readonly adapter: string; readonly outputTokens: number }[];
    },
  ): Advice;
  /** A stream ended, with answers or without any. True: its request is to be tried with the challenger. */
  ended(end: StreamEnd & { readonly key: StreamKey }, opening: StreamOpening | undefined): boolean;
  /** Undefined where nobody challenges. */
  readonly challenge: ChallengeDesk | undefined;
  /** Undefined when the stream is unknown, gave no answer, or was judged before: each counts once. */
  feedback(key: StreamKey, word: Feedback): Judged | undefined;
  /** A stream that opens, with what is known of those who may answer it: as it came where nothing is, or learning is not to be applied. */
  opening(opening: StreamOpening): StreamOpening;
  /** Time passed: one task type is fitted, when enough came in. */
  tick(): void;
  /** How far confidences are what they say, by task type and adapter. */
  calibration(): readonly CalibrationView[];
  /** Nobody will say more: what still waits counts as unjudged. */
  flush(): void;
}

/** A desk of one router. */
export function createLearningDesk(learning: RouterLearning): LearningDesk {
  const { learner, mode, valueUsdMicros, draw, policy, targetUsdMicros, exploreShare = 0 } = learning;
  const challenge = learning.challenge === undefined ? undefined : createChallengeDesk(learning.challenge);
  const prompts = new Map<StreamKey, PromptFeatures>();
  const questions = new Map<StreamKey, Question>();
  const waiting = new Map<StreamKey, Ended>();
  const calibrators = new Map<string, Record<string, Calibrator>>();
  /** What streams that open are given, until something is learned. */
  const weighings = new Map<string, Weighing>();

  /** What a verdict says of the confidences that were told. Of a group that is only known not to be it, and of no other, they were wrong. */
  function calibrate({ task, groups, told }: Ended, truth: Truth): void {
    if (!calibrators.has(task) && calibrators.size >= MAX_TASKS) return;
    const byAdapter = calibrators.get(task) ?? (Object.create(null) as Record<string, Calibrator>);
    calibrators.set(task, byAdapter);
    groups.forEach((group, k) => {
      if ("wrong" in truth && truth.wrong !== k) return;
      for (const adapter of group) {
        const confidence = Object.hasOwn(told, adapter) ? told[adapter] : undefined;
        // One out of range is none: nothing is learned from it.
        if (confidence === undefined || !(confidence >= 0 && confidence <= 1)) continue;
        learnLabel((byAdapter[adapter] ??= newCalibrator()), {
          told: confidence,
          right: "right" in truth && truth.right === k,
        });
      }
    });
  }

  function unjudged(key: StreamKey, { task, groups, silent }: Ended): void {
    waiting.delete(key);
    learner.learn({ task, bucket: "" }, { groups, silent, truth: { unknown: true } });
  }

  function weighingOf(task: string): Weighing | undefined {
    const had = weighings.get(task);
    if (had !== undefined) return had;
    const learned = learner.weights(task);
    const byAdapter = calibrators.get(task);
    if (learned === undefined && byAdapter === undefined) return undefined;
    const weighing = { weights: {}, ...learned, calibrators: byAdapter ?? {} };
    if (weighings.size >= MAX_TASKS) weighings.clear();
    weighings.set(task, weighing);
    return weighing;
  }

  function decide(
    key: StreamKey,
    { task, qos, offers, dryRun, content, answered, ...seen }: Parameters<LearningDesk["advise"]>[1],
  ): Advice {
    const value = valueUsdMicros?.[task] ?? laneValue[qos];
    if (policy !== undefined && knowsTask(policy, task)) {
      const prompt = prompts.get(key) ?? promptOf(content);
      if (!dryRun) prompts.set(key, prompt);
      const aim: Aim =
        targetUsdMicros === undefined ? { priceOfErrorUsdMicros: value } : { budgetUsdMicros: targetUsdMicros };
      const advice = policyAdvice(policy, { task, prompt, aim, draw: draw(key), ...seen, answered, offers });
      if (advice !== undefined) return advice;
    }
    const question = questions.get(key) ?? learner.begin(task, { valueUsdMicros: value, u: draw(key), dryRun });
    if (!dryRun) questions.set(key, question);
    // A belief for each decision: so the chance of one does not depend on those before it, and a record's chances multiply.
    const step = seen.groups.flat().length + seen.silent.length;
    return learner.advise({ ...question, u: draw(`${key} ${step}`) }, seen, offers);
  }

  return {
    applies: mode === "apply",
    challenge,
    advise(key, ask) {
      const advice = decide(key, ask);
      if (exploreShare === 0 || ask.dryRun || advice.by === "explore") return advice;
      const asked = new Set([...ask.groups.flat(), ...ask.silent]);
      const open = ask.offers.map(({ adapter }) => adapter).filter((name) => !asked.has(name));
      return open.length === 0 ? advice : byLot(advice, open, exploreShare, draw(`${key} lot ${asked.size}`));
    },
    ended(end, opening) {
      const { key, heard, told = {}, telemetry } = end;
      questions.delete(key);
      prompts.delete(key);
      // A trial is the operator's: it moves no governor, and is no question of anybody's.
      if (opening === undefined || opening.trial === true) return false;
      const task = opening.task.taskType;
      learner.spent(telemetry.usd);
      if (heard === undefined || heard.groups.length + heard.silent.length === 0) return false;
      waiting.set(key, { task, ...heard, told });
      const [oldest] = waiting;
      if (waiting.size > MAX_WAITING && oldest !== undefined) unjudged(...oldest);
      return challenge?.ended(end, opening, draw(`${key} trial`)) === true;
    },
    feedback(key, { rating, chosen, correct }) {
      const end = waiting.get(key);
      if (end === undefined) return undefined;
      const { task, groups, silent } = end;
      const best = chosen === undefined ? -1 : groups.findIndex((group) => group.includes(chosen));
      // Whoever chooses an adapter that gave no answer says nothing that could be learned.
      if (chosen !== undefined && best < 0) return undefined;
      if (chosen === undefined && (rating === undefined || groups.length === 0)) return undefined;
      waiting.delete(key);
      const truth = best >= 0 ? { right: best } : (rating ?? 0) >= 0.5 ? { right: 0 } : { wrong: 0 };
      learner.learn({ task, bucket: "" }, { groups, silent, truth });
      calibrate(end, truth);
      challenge?.judged(key, correct);
      weighings.delete(task);
      return { task, groups, truth };
    },
    opening(opening) {
      const weighing = mode === "apply" ? weighingOf(opening.task.taskType) : undefined;
      return weighing === undefined ? opening : { ...opening, weighing };
    },
    tick() {
      const task = learner.refresh("next");
      if (task !== undefined) weighings.delete(task);
    },
    calibration: () =>
      [...calibrators].flatMap(([task, byAdapter]) =>
        Object.entries(byAdapter).map(([adapter, calibrator]) => ({
          task,
          adapter,
          labels: calibrator.seen,
          rawError: calibrationError(calibrator, "raw"),
          error: calibrationError(calibrator),
        })),
      ),
    flush() {
      for (const [key, end] of [...waiting]) unjudged(key, end);
    },
  };
}

/** Advice of which a share is drawn by lot, with the chances that follow from it. `u` is uniform in [0, 1). */
function byLot(advice: Advice, open: readonly string[], share: number, u: number): Advice {
  const chances = (): Readonly<Record<string, number>> => {
    const own = advice.chances();
    return Object.fromEntries(open.map((name) => [name, (1 - share) * (own[name] ?? 0) + share / open.length]));
  };
  const drawn = u < share ? open[Math.floor((u / share) * open.length)] : undefined;
  const ask = drawn ?? advice.ask;
  const answers = (): number => Object.values(chances()).reduce((left, chance) => left - chance, 1);
  const propensity = (): number => (ask === undefined ? answers() : (chances()[ask] ?? 0));
  const why = "Drawn by lot, so that records tell of what is else never done.";
  return drawn === undefined
    ? { ...advice, propensity, chances }
    : { ...advice, ask: drawn, by: "random", why, propensity, chances };
}
