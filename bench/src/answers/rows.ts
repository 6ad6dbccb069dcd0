/** Recorded answers of real models: where they lie, how they are read, and the guarded view that a decision may see. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { projectFile } from "../harness/children.js";

/** What one model answered. */
export interface RecordedAnswer {
  /** In canonical form: equality is agreement. Null is no answer, and never agrees with anything. */
  readonly answer: string | null;
  readonly correct: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The beginning of what the model wrote, where it was kept. */
  readonly text?: string;
}

/** One question, with what every model answered: for fitting and scoring only, never for deciding. */
export interface RecordedRow {
  readonly id: string;
  readonly task: string;
  readonly category?: string;
  readonly prompt: string;
  readonly reference: string | null;
  readonly answers: Readonly<Record<string, RecordedAnswer>>;
}

/** US dollars per million tokens, which is micro-dollars per token. */
export interface ModelPrice {
  readonly in: number;
  readonly out: number;
}

/** Prices by model. */
export type Prices = Readonly<Record<string, ModelPrice>>;

/** The recorded tasks that have several models. */
export const consensusTasks = ["gsm", "math-l5", "crux", "mmlu-pro"] as const;
/** The recorded tasks of two models, for choices by the prompt alone. */
export const pairTasks = ["routellm-gsm8k", "routellm-mmlu"] as const;

/**
 * The folder with recorded answers: the one given, else `ATP_RECORDED`, else beside the project.
 * @throws Error that says what to set when there is none
 */
export function recordedFolder(given?: string): string {
  const asked = given ?? process.env["ATP_RECORDED"];
  const folder = asked === undefined || asked === "" ? projectFile("../shared/data/recorded") : resolve(asked);
  if (existsSync(join(folder, "prices.json"))) return folder;
  throw new Error(
    `there are no recorded answers in ${folder}: give a folder that has prices.json with --data DIR or ATP_RECORDED`,
  );
}

/** @throws Error when the file is missing or malformed */
export function loadPrices(folder: string): Prices {
  const file = JSON.parse(readFileSync(join(folder, "prices.json"), "utf8")) as { prices_usd_per_mtok: Prices };
  return file.prices_usd_per_mtok;
}

interface FileRow {
  readonly id: string;
  readonly task: string;
  readonly category?: string;
  readonly prompt: string;
  readonly reference: string | null;
  readonly answers: Readonly<
    Record<
      string,
      {
        readonly answer: string | null;
        readonly correct: boolean;
        readonly input_tokens: number;
        readonly output_tokens: number;
        readonly text?: string;
      }
    >
  >;
}

/**
 * Every row of a task: the files `<task>.jsonl.gz` and `<task>.<part>.jsonl.gz` of a folder, by name.
 * @throws Error when there is none
 */
export function loadRows(folder: string, task: string): readonly RecordedRow[] {
  const files = readdirSync(folder)
    .filter((name) => name.startsWith(`${task}.`) && name.endsWith(".jsonl.gz"))
    .sort();
  if (files.length === 0) throw new Error(`${folder} has no ${task}.*.jsonl.gz`);
  return files.flatMap((name) =>
    gunzipSync(readFileSync(join(folder, name)))
      .toString("utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => rowOf(JSON.parse(line) as FileRow)),
  );
}

function rowOf(row: FileRow): RecordedRow {
  const answers: Record<string, RecordedAnswer> = {};
  for (const [model, a] of Object.entries(row.answers)) {
    answers[model] = {
      answer: a.answer,
      correct: a.correct,
      inputTokens: a.input_tokens,
      outputTokens: a.output_tokens,
      ...(a.text === undefined ? {} : { text: a.text }),
    };
  }
  const { id, task, category, prompt, reference } = row;
  return { id, task, ...(category === undefined ? {} : { category }), prompt, reference, answers };
}

/** The models that answered every row, in the order of the first. */
export function modelsOf(rows: readonly RecordedRow[]): readonly string[] {
  return Object.keys(rows[0]?.answers ?? {}).filter((model) => rows.every((row) => row.answers[model] !== undefined));
}

/** What a call cost, in micro-dollars (not rounded). @throws Error for a model without a price */
export function usdMicrosOf(prices: Prices, model: string, answer: RecordedAnswer): number {
  const price = prices[model];
  if (price === undefined) throw new Error(`prices.json has no price of ${model}`);
  return answer.inputTokens * price.in + answer.outputTokens * price.out;
}

/** What a call of the guarded view brings. Nothing in it tells whether it is right. */
export interface CalledAnswer {
  readonly answer: string | null;
  readonly text?: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly usdMicros: number;
}

/** One question as a router sees it: its prompt, who can be asked, and nothing else until it is asked and paid for. */
export interface GuardedRow {
  readonly id: string;
  readonly task: string;
  readonly category?: string;
  readonly prompt: string;
  readonly models: readonly string[];
  /** Tokens that every call of this question takes in. */
  readonly inputTokens: number;
  /** Asks a model and pays for it; asked twice it costs twice. @throws Error for a model that is not there */
  call(model: string): CalledAnswer;
  /** Whether a model's answer was right. @throws Error unless that model was called in this question */
  reward(model: string): boolean;
  /** Models called, in order. */
  readonly called: readonly string[];
  /** Paid so far, in micro-dollars. */
  readonly spentUsdMicros: number;
}

const hidden = new Set<PropertyKey>(["reference", "correct", "answers"]);

/**
 * The view of a row that keeps an honest replay honest: reading `reference`, `correct` or `answers` of it throws, and so does
 * asking for the reward of a model that was not called.
 */
export function guarded(row: RecordedRow, prices: Prices, models?: readonly string[]): GuardedRow {
  const called: string[] = [];
  let spent = 0;
  const offered = models ?? Object.keys(row.answers);
  const first = offered[0] === undefined ? undefined : row.answers[offered[0]];
  const view: GuardedRow = {
    id: row.id,
    task: row.task,
    ...(row.category === undefined ? {} : { category: row.category }),
    prompt: row.prompt,
    models: offered,
    inputTokens: first?.inputTokens ?? 0,
    call(model) {
      const answer = offered.includes(model) ? row.answers[model] : undefined;
      if (answer === undefined) throw new Error(`${model} cannot be asked about ${row.id}`);
      const usdMicros = usdMicrosOf(prices, model, answer);
      called.push(model);
      spent += usdMicros;
      return {
        answer: answer.answer,
        ...(answer.text === undefined ? {} : { text: answer.text }),
        inputTokens: answer.inputTokens,
        outputTokens: answer.outputTokens,
        usdMicros,
      };
    },
    reward(model) {
      if (!called.includes(model)) throw new Error(`${model} was not called about ${row.id}: its reward is not known`);
      return row.answers[model]?.correct === true;
    },
    get called() {
      return [...called];
    },
    get spentUsdMicros() {
      return spent;
    },
  };
  return new Proxy(view, {
    get(target, name, receiver): unknown {
      if (hidden.has(name)) throw new Error(`${String(name)} of ${row.id} is hidden from whoever decides`);
      return Reflect.get(target, name, receiver) as unknown;
    },
    has: (target, name) => !hidden.has(name) && Reflect.has(target, name),
  });
}
