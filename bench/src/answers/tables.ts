import { drawOf, type Outcomes, outcomesOf, promptFeatures } from "atp-router-core/learning";
import { type Prices, type RecordedRow, usdMicrosOf } from "./rows.js";

/** Rows beside the same rows as the router's fitting reads them. */
export interface Table {
  readonly rows: readonly RecordedRow[];
  readonly data: Outcomes;
  readonly all: Int32Array;
}

/** The rows with these models' answers. */
export function tableOf(rows: readonly RecordedRow[], models: readonly string[], prices: Prices): Table {
  const data = outcomesOf(
    models,
    rows.map((row) => ({
      prompt: promptFeatures(row.prompt, row.category ?? ""),
      answers: models.map((model) => {
        const answer = row.answers[model];
        if (answer === undefined) throw new Error(`${row.id} has no answer of ${model}`);
        const { answer: answerKey, correct, outputTokens } = answer;
        return { answerKey, correct, outputTokens, usdMicros: usdMicrosOf(prices, model, answer) };
      }),
    })),
  );
  return { rows, data, all: Int32Array.from(rows.keys()) };
}

/** Parts of the rows by a hash of the prompt: two rows with one prompt are always in one part. */
export function foldsOf(rows: readonly RecordedRow[], chosen: Int32Array, count: number, salt: string): Int32Array[] {
  const folds: number[][] = Array.from({ length: count }, () => []);
  for (const row of chosen) folds[Math.floor(drawOf(`${salt} ${rows[row]?.prompt ?? ""}`) * count)]?.push(row);
  return folds.map((fold) => Int32Array.from(fold));
}

/** Means over some rows, along the table's models. */
export interface Single {
  readonly model: string;
  readonly accuracy: number;
  readonly usdMicros: number;
}

export function singlesOf({ data }: Table, rows: Int32Array): Single[] {
  const width = data.adapters.length;
  return data.adapters.map((model, m) => {
    let right = 0;
    let usdMicros = 0;
    for (const row of rows) {
      right += data.correct[row * width + m] ?? 0;
      usdMicros += data.usdMicros[row * width + m] ?? 0;
    }
    return { model, accuracy: right / rows.length, usdMicros: usdMicros / rows.length };
  });
}

/** The most accurate; of equals the cheaper. */
export function bestOf(singles: readonly Single[]): Single {
  return singles.reduce((best, one) =>
    one.accuracy > best.accuracy || (one.accuracy === best.accuracy && one.usdMicros < best.usdMicros) ? one : best,
  );
}

/** Models that a policy may ask: those that fall the least behind the best of all cheaper ones. Chosen on rows for fitting only. */
export function poolOf(table: Table, rows: Int32Array, most: number): string[] {
  const byPrice = [...singlesOf(table, rows)].sort((a, b) => a.usdMicros - b.usdMicros);
  let before = 0;
  const lead = byPrice.map((one) => {
    const gain = one.accuracy - before;
    before = Math.max(before, one.accuracy);
    return { model: one.model, gain };
  });
  const kept = new Set(
    [...lead]
      .sort((a, b) => b.gain - a.gain)
      .slice(0, most)
      .map(({ model }) => model),
  );
  return byPrice.map(({ model }) => model).filter((model) => kept.has(model));
}
