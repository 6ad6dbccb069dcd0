/** The figures of online learning, one task at a time. */
import { createLearner, expectedCalibrationError } from "atp-router-core/learning";
import { type Prices, type RecordedRow, usdMicrosOf } from "../answers/rows.js";
import { meanOf, pass, type PassOptions, shownEverything, shuffled, type Step } from "./stream.js";

/** A task, the models that may be asked about it, and its price of a right answer in US dollars per thousand questions. */
export interface Task {
  readonly name: string;
  readonly models: readonly string[];
  readonly rows: readonly RecordedRow[];
  readonly prices: Prices;
  readonly valueUsdMicros: number;
}

const FOLDS = 5;
/** Requests after a change within which the lost reward is to be back. */
const RECOVERY = 200;

const optionsOf = (task: Task, seed: number): PassOptions => ({
  task: task.name,
  models: task.models,
  prices: task.prices,
  valueUsdMicros: task.valueUsdMicros,
  seed,
  learns: () => true,
});

/** What every question is worth under a policy fitted on the other folds, with every answer of theirs known. */
export function fittedUtilities(task: Task): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (let fold = 0; fold < FOLDS; fold++) {
    const learner = createLearner({ replica: "fit", exploreFirst: 0, greedy: true });
    const others = task.rows.filter((_, i) => i % FOLDS !== fold);
    shownEverything(learner, task.name, others, task.models);
    const outputTokens = outputTokensOf(others, task.models);
    const own = task.rows.filter((_, i) => i % FOLDS === fold);
    for (const { id, utility } of pass(learner, own, { ...optionsOf(task, fold), learns: () => false, outputTokens }))
      out.set(id, utility);
  }
  return out;
}

/** The mean length of each model's answers. */
function outputTokensOf(rows: readonly RecordedRow[], models: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    models.map((model) => [
      model,
      rows.reduce((sum, row) => sum + (row.answers[model]?.outputTokens ?? 0), 0) / Math.max(1, rows.length),
    ]),
  );
}

const lastHalf = (steps: readonly Step[]): readonly Step[] => steps.slice(Math.floor(steps.length / 2));
const fittedOf = (steps: readonly Step[], fitted: ReadonlyMap<string, number>): number =>
  meanOf(steps, ({ id }) => fitted.get(id) ?? 0);

/** What one pass from nothing came to, over its last half unless said otherwise. Points and percent. */
interface ColdPass {
  readonly utility: number;
  readonly behind: number;
  readonly behindWhole: number;
  readonly accuracy: number;
  readonly labels: readonly { readonly told: number; readonly right: boolean }[];
}

/** One pass from nothing, in one order: points behind the fitted policy in the last half, and what else is told. */
export function coldPass(task: Task, fitted: ReadonlyMap<string, number>, seed: number): ColdPass {
  const rows = shuffled(task.rows, seed);
  const steps = pass(createLearner({ replica: "cold", seed }), rows, optionsOf(task, seed));
  const half = lastHalf(steps);
  const labels = steps.slice(300).map(({ told, right }) => ({ told, right }));
  return {
    utility: 100 * meanOf(half, (s) => s.utility),
    behind: 100 * (fittedOf(half, fitted) - meanOf(half, (s) => s.utility)),
    behindWhole: 100 * (fittedOf(steps, fitted) - meanOf(steps, (s) => s.utility)),
    accuracy: 100 * meanOf(half, (s) => (s.right ? 1 : 0)),
    labels,
  };
}

/** The same on one half of the rows, warm from what a router learned online on the other half. */
export function warmPass(task: Task, fitted: ReadonlyMap<string, number>, seed: number): number {
  const rows = shuffled(task.rows, seed);
  const cut = Math.floor(rows.length / 2);
  const other = createLearner({ replica: "other", seed });
  pass(other, rows.slice(0, cut), optionsOf(task, seed));
  const learner = createLearner({ replica: "warm", seed: seed + 1 });
  learner.merge(other.export());
  const half = lastHalf(pass(learner, rows.slice(cut), optionsOf(task, seed + 1)));
  return 100 * (fittedOf(half, fitted) - meanOf(half, (s) => s.utility));
}

/** Spending of one governed pass, as a share of its target, which is a share of what the best model costs. */
export function governedPass(task: Task, share: number, seed: number): number {
  const target = share * champion(task).usdMicros;
  const learner = createLearner({ replica: "governed", seed, targetUsdMicros: target });
  return meanOf(pass(learner, shuffled(task.rows, seed), optionsOf(task, seed)), (s) => s.usdMicros) / target;
}

/** The most accurate model and what it costs a question. */
export function champion(task: Task): { model: string; accuracy: number; usdMicros: number } {
  const all = task.models.map((model) => {
    const right = task.rows.filter((row) => row.answers[model]?.correct === true).length;
    let usd = 0;
    for (const row of task.rows) {
      const answer = row.answers[model];
      if (answer !== undefined) usd += usdMicrosOf(task.prices, model, answer);
    }
    return { model, accuracy: right / task.rows.length, usdMicros: usd / task.rows.length };
  });
  return all.reduce((best, one) => (one.accuracy > best.accuracy ? one : best));
}

/**
 * The champion silently loses 0.3 of its accuracy in the middle of a stream of every row twice. Told are sums of utility from 200
 * requests after the change on: of a learner that does not learn any more, of the live one, and of one that never knew otherwise.
 */
export function changedPass(task: Task, seed: number): { stale: number; live: number; fresh: number } {
  const { model, accuracy } = champion(task);
  const rows = [...shuffled(task.rows, seed), ...shuffled(task.rows, seed + 1)];
  const change = task.rows.length;
  const lost = new Set(
    shuffled(task.rows, seed + 2)
      .slice(0, Math.round((0.3 / accuracy) * task.rows.length))
      .map(({ id }) => id),
  );
  const worse = (row: RecordedRow): RecordedRow => {
    const own = row.answers[model];
    if (own?.correct !== true || !lost.has(row.id)) return row;
    return {
      ...row,
      answers: { ...row.answers, [model]: { ...own, answer: `${own.answer ?? ""} (lost)`, correct: false } },
    };
  };
  const sum = (from: number, learnsUntil: number): number => {
    const learner = createLearner({ replica: "changed", seed });
    const steps = pass(learner, rows, {
      ...optionsOf(task, seed),
      learns: (at) => at < learnsUntil,
      rowAt: (row, at) => (at < from ? row : worse(row)),
    });
    return steps.slice(change + RECOVERY).reduce((total, s) => total + s.utility, 0);
  };
  return { stale: sum(change, change), live: sum(change, Infinity), fresh: sum(0, Infinity) };
}

/** The error of confidences over many labels. */
export const errorOf = expectedCalibrationError;
