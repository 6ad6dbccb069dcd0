/** One pass of a learner over recorded questions, with nothing told to it but what was paid for. */
import { calibrated, learnLabel, newCalibrator } from "atp-router-core/learning";
import type { Learner } from "atp-router-core/learning";
import { type GuardedRow, guarded, type Prices, type RecordedRow } from "../answers/rows.js";

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The rows in an order of a seed. */
export function shuffled<T>(rows: readonly T[], seed: number): readonly T[] {
  const random = uniform(seed);
  const out = [...rows];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

/** What one question came to. */
export interface Step {
  readonly id: string;
  readonly right: boolean;
  readonly usdMicros: number;
  /** Right, less what it cost at the task's price of a right answer. */
  readonly utility: number;
  readonly calls: number;
  /** The confidence told, calibrated by what was seen before. */
  readonly told: number;
}

/** How a pass is made. */
export interface PassOptions {
  readonly task: string;
  readonly models: readonly string[];
  readonly prices: Prices;
  readonly valueUsdMicros: number;
  readonly seed: number;
  /** Whether the learner hears of what came of its questions. */
  readonly learns: (at: number) => boolean;
  /** Output lengths that are known beforehand, by model. @default none: they are learned from the calls made */
  readonly outputTokens?: ReadonlyMap<string, number>;
  /** The row as it is at a place of the stream: where an adapter has changed, another one. */
  readonly rowAt?: (row: RecordedRow, at: number) => RecordedRow;
}

/** An output length before any was seen. */
const USUAL_OUTPUT = 200;

/** Asks, answers and learns, question by question. Quotes are list prices at the lengths seen so far. */
export function pass(learner: Learner, rows: readonly RecordedRow[], options: PassOptions): readonly Step[] {
  const { task, models, prices, valueUsdMicros } = options;
  const random = uniform(options.seed);
  const lengths = new Map(
    models.map((model) => [model, { sum: options.outputTokens?.get(model) ?? USUAL_OUTPUT, n: 1 }]),
  );
  const calibrator = newCalibrator();
  return rows.map((row, at) => {
    const view = guarded(options.rowAt?.(row, at) ?? row, prices, models);
    const question = learner.begin(task, { valueUsdMicros, u: random() });
    const { groups, silent, leading, confidence } = ask(learner, question, view, lengths, prices);
    const rightGroup = groups.findIndex((group) => group.some((model) => view.reward(model)));
    const right = leading >= 0 && leading === rightGroup;
    const told = calibrated(calibrator, confidence);
    if (options.learns(at)) {
      learnLabel(calibrator, { told: confidence, right });
      learner.learn(question, { groups, silent, truth: rightGroup < 0 ? { none: true } : { right: rightGroup } });
    }
    const usdMicros = view.spentUsdMicros;
    learner.spent(usdMicros);
    return {
      id: row.id,
      right,
      usdMicros,
      utility: (right ? 1 : 0) - usdMicros / valueUsdMicros,
      calls: view.called.length,
      told,
    };
  });
}

function ask(
  learner: Learner,
  question: ReturnType<Learner["begin"]>,
  view: GuardedRow,
  lengths: ReadonlyMap<string, { sum: number; n: number }>,
  prices: Prices,
): { groups: string[][]; silent: string[]; leading: number; confidence: number } {
  const groups: string[][] = [];
  const said: string[] = [];
  const silent: string[] = [];
  const offers = view.models.map((adapter) => {
    const { in: perIn, out: perOut } = prices[adapter] ?? { in: 0, out: 0 };
    const { sum, n } = lengths.get(adapter) ?? { sum: USUAL_OUTPUT, n: 1 };
    return { adapter, usdMicros: view.inputTokens * perIn + (sum / n) * perOut };
  });
  for (;;) {
    const advice = learner.advise(question, { groups, silent, paidUsdMicros: view.spentUsdMicros }, offers);
    if (advice.ask === undefined) return { groups, silent, leading: advice.leading, confidence: advice.confidence };
    const { answer, outputTokens } = view.call(advice.ask);
    const length = lengths.get(advice.ask);
    if (length !== undefined) {
      length.sum += outputTokens;
      length.n++;
    }
    if (answer === null) silent.push(advice.ask);
    else {
      const at = said.indexOf(answer);
      if (at >= 0) groups[at]?.push(advice.ask);
      else {
        said.push(answer);
        groups.push([advice.ask]);
      }
    }
  }
}

/** A learner that was shown every answer of these rows: what fitting offline would have known. */
export function shownEverything(
  learner: Learner,
  task: string,
  rows: readonly RecordedRow[],
  models: readonly string[],
): void {
  for (const row of rows) {
    const groups: string[][] = [];
    const said: string[] = [];
    const silent: string[] = [];
    for (const model of models) {
      const answer = row.answers[model]?.answer ?? null;
      if (answer === null) silent.push(model);
      else if (said.includes(answer)) groups[said.indexOf(answer)]?.push(model);
      else {
        said.push(answer);
        groups.push([model]);
      }
    }
    const right = groups.findIndex((group) => group.some((model) => row.answers[model]?.correct === true));
    learner.learn({ task, bucket: "" }, { groups, silent, truth: right < 0 ? { none: true } : { right } });
  }
}

/** The mean of what `of` gives. */
export function meanOf(steps: readonly Step[], of: (step: Step) => number): number {
  return steps.reduce((sum, step) => sum + of(step), 0) / Math.max(1, steps.length);
}
