import type { PromptFeatures } from "./prompt-features.js";
import { scaledPrompt } from "./vote-model.js";
import type { FeatureScale } from "./vote-model.js";

/** What one adapter answered, with what it turned out to be worth. */
export interface CallOutcome {
  /** Null: no answer that can be compared. */
  readonly answerKey: string | null;
  readonly correct: boolean;
  readonly usdMicros: number;
  readonly outputTokens: number;
}

/** One question that every adapter of a table answered. */
export interface OutcomeRow {
  readonly prompt: PromptFeatures;
  /** Along the table's adapters. */
  readonly answers: readonly CallOutcome[];
}

/** Outcomes of one task as fitting reads them: flat lists of `rows * adapters` members. */
export interface Outcomes {
  readonly adapters: readonly string[];
  readonly rows: number;
  /** Which group of equal answers, from 0 in the order of adapters; -1 for no answer. */
  readonly group: Int8Array;
  readonly correct: Uint8Array;
  readonly usdMicros: Float64Array;
  /** Log of output tokens. */
  readonly logLength: Float64Array;
  readonly prompts: readonly PromptFeatures[];
}

/** Brings outcomes into flat lists. @throws RangeError when a row has not one answer per adapter */
export function outcomesOf(adapters: readonly string[], rows: readonly OutcomeRow[]): Outcomes {
  const width = adapters.length;
  const size = rows.length * width;
  const group = new Int8Array(size);
  const correct = new Uint8Array(size);
  const usdMicros = new Float64Array(size);
  const logLength = new Float64Array(size);
  rows.forEach(({ answers }, row) => {
    if (answers.length !== width) throw new RangeError(`row ${row} has ${answers.length} answers of ${width} adapters`);
    const keys: string[] = [];
    answers.forEach((answer, m) => {
      const at = row * width + m;
      if (answer.answerKey === null) group[at] = -1;
      else {
        let key = keys.indexOf(answer.answerKey);
        if (key < 0) key = keys.push(answer.answerKey) - 1;
        group[at] = key;
      }
      correct[at] = answer.correct ? 1 : 0;
      usdMicros[at] = answer.usdMicros;
      logLength[at] = Math.log(1 + Math.max(0, answer.outputTokens));
    });
  });
  return {
    adapters,
    rows: rows.length,
    group,
    correct,
    usdMicros,
    logLength,
    prompts: rows.map(({ prompt }) => prompt),
  };
}

/** Categories seen this often have a weight of their own. */
const MIN_CATEGORY = 20;

/** Means, deviations and categories of the given rows. */
export function featureScale(data: Outcomes, rows: ArrayLike<number>): FeatureScale {
  const width = data.prompts[0]?.values.length ?? 0;
  const mean = new Array<number>(width).fill(0);
  const square = new Array<number>(width).fill(0);
  const counts = new Map<string, number>();
  for (let r = 0; r < rows.length; r++) {
    const prompt = data.prompts[rows[r] as number] as PromptFeatures;
    for (let i = 0; i < width; i++) {
      const value = prompt.values[i] ?? 0;
      mean[i] = (mean[i] as number) + value / rows.length;
      square[i] = (square[i] as number) + (value * value) / rows.length;
    }
    if (prompt.category !== "") counts.set(prompt.category, (counts.get(prompt.category) ?? 0) + 1);
  }
  const deviation = mean.map((m, i) => Math.sqrt(Math.max(0, (square[i] as number) - m * m)));
  const categories = [...counts].filter(([, count]) => count >= MIN_CATEGORY).map(([name]) => name);
  return { mean, deviation: deviation.map((d) => (d > 1e-9 ? d : 0)), categories: categories.sort() };
}

/** Every row's scaled features, one after the other. */
export function scaledPrompts(data: Outcomes, scale: FeatureScale): Float64Array {
  const width = scale.mean.length + scale.categories.length;
  const x = new Float64Array(data.rows * width);
  data.prompts.forEach((prompt, row) => {
    x.set(scaledPrompt(scale, prompt), row * width);
  });
  return x;
}

/** Pseudo-random numbers in [0, 1) from a seed (mulberry32): fitting is repeatable. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
