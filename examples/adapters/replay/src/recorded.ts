/**
 * Recorded answers of one model, found by the prompt or by the row's id.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ConfigError } from "atp-adapter-kit";

/** What a model answered, and what it took. */
export interface Recorded {
  readonly task: string;
  /** Null: the model gave no answer. */
  readonly answer: string | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** One model's recorded answers. */
export interface Recording {
  readonly model: string;
  /** US dollars per million tokens. */
  readonly price: { readonly in: number; readonly out: number };
  readonly rows: number;
  byId(id: string): Recorded | undefined;
  byPrompt(task: string, prompt: string): Recorded | undefined;
  /** Tokens that an answer of this task takes on average, and at the 95th percentile. */
  outputTokens(task: string): { readonly mean: number; readonly p95: number; readonly variance: number } | undefined;
}

interface Row {
  readonly id: string;
  readonly task: string;
  readonly prompt: string;
  readonly answers: Readonly<
    Record<string, { readonly answer: string | null; readonly input_tokens: number; readonly output_tokens: number }>
  >;
}

/**
 * Reads every `*.jsonl.gz` of a folder once, for all models that are served. What is right is not kept.
 * @throws ConfigError for a model that has no price or no rows
 */
export function readRecordings(folder: string, models: readonly string[]): readonly Recording[] {
  const file = JSON.parse(readFileSync(join(folder, "prices.json"), "utf8")) as {
    readonly prices_usd_per_mtok: Readonly<Record<string, { readonly in: number; readonly out: number }>>;
  };
  const builders = models.map((model) => {
    const price = file.prices_usd_per_mtok[model];
    if (price === undefined) {
      const known = Object.keys(file.prices_usd_per_mtok).join(", ");
      throw new ConfigError(`prices.json has no price of ${model}; it knows ${known}`);
    }
    return { model, price, ids: new Map<string, Recorded>(), prompts: new Map<string, Recorded>() };
  });
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl.gz"));
  for (const name of files.sort()) {
    for (const line of gunzipSync(readFileSync(join(folder, name)))
      .toString("utf8")
      .split("\n")) {
      if (line === "") continue;
      const { id, task, prompt, answers } = JSON.parse(line) as Row;
      for (const { model, ids, prompts } of builders) {
        const a = answers[model];
        if (a === undefined) continue;
        const one = { task, answer: a.answer, inputTokens: a.input_tokens, outputTokens: a.output_tokens };
        ids.set(id, one);
        // The first of two rows with the same prompt: the other is found by its id.
        const key = promptKey(task, prompt);
        if (!prompts.has(key)) prompts.set(key, one);
        if (!prompts.has(prompt)) prompts.set(prompt, one);
      }
    }
  }
  return builders.map(({ model, price, ids, prompts }) => {
    if (ids.size === 0) throw new ConfigError(`${folder} has no answer of ${model}`);
    const usage = usageByTask([...ids.values()]);
    return {
      model,
      price,
      rows: ids.size,
      byId: (id) => ids.get(id),
      byPrompt: (task, prompt) => prompts.get(promptKey(task, prompt)) ?? prompts.get(prompt),
      outputTokens: (task) => usage.get(task),
    };
  });
}

const promptKey = (task: string, prompt: string): string => `${task}\n${prompt}`;

function usageByTask(
  rows: readonly Recorded[],
): ReadonlyMap<string, { readonly mean: number; readonly p95: number; readonly variance: number }> {
  const byTask = new Map<string, Recorded[]>();
  for (const row of rows) {
    const list = byTask.get(row.task) ?? [];
    byTask.set(row.task, list);
    list.push(row);
  }
  return new Map(
    [...byTask].map(([task, list]) => {
      const sorted = list.map(({ outputTokens }) => outputTokens).sort((a, b) => a - b);
      const mean = sorted.reduce((sum, n) => sum + n, 0) / sorted.length;
      const variance = sorted.reduce((sum, n) => sum + (n - mean) ** 2, 0) / sorted.length;
      return [task, { mean, variance, p95: sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0 }];
    }),
  );
}
