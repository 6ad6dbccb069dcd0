/** What can be told of a prompt before anybody is asked: its shape, never its meaning. */
export interface PromptFeatures {
  /** `promptFeatureNames.length` numbers, not yet scaled. */
  readonly values: readonly number[];
  /** A label that the client or the task gives, such as a subject; empty when there is none. */
  readonly category: string;
}

/** Longer prompts are read to this many characters: the features of the rest would say the same, and a huge prompt costs no more. */
const READ_CHARACTERS = 20_000;

const log1p = (count: number): number => Math.log(1 + count);
const matches = (text: string, pattern: RegExp): number => {
  let count = 0;
  for (const _ of text.matchAll(pattern)) count++;
  return count;
};

/** The features, in their order. */
export const promptFeatureNames = [
  "length",
  "numerals",
  "largest number",
  "sentences",
  "backslashes",
  "dollars",
  "percents",
  "lines",
  "loops",
  "branches",
  "dots",
  "quotes",
  "distinct words",
  "brackets",
  "decimal",
  "each",
  "multiples",
  "figure",
  "fraction",
  "joins",
] as const;

/**
 * The features of a prompt: lengths and counts on a logarithmic scale, and flags. The same text gives the same numbers in every
 * process; no language is assumed, so a prompt in another one gives lower counts and nothing worse.
 */
export function promptFeatures(prompt: string, category = ""): PromptFeatures {
  const text = prompt.length > READ_CHARACTERS ? prompt.slice(0, READ_CHARACTERS) : prompt;
  let largest = 0;
  let numerals = 0;
  for (const [digits] of text.matchAll(/\d[\d,]*(?:\.\d+)?/g)) {
    numerals++;
    const value = Number(digits.replaceAll(",", ""));
    if (value > largest) largest = Math.min(value, 1e15);
  }
  const lower = text.toLowerCase();
  const flag = (pattern: RegExp): number => (pattern.test(lower) ? 1 : 0);
  return {
    category,
    values: [
      log1p(text.length),
      log1p(numerals),
      log1p(largest),
      log1p(matches(text, /[.?!](?:\s|$)/g)),
      log1p(matches(text, /\\/g)),
      log1p(matches(text, /\$/g)),
      log1p(matches(text, /%/g)),
      log1p(matches(text, /\n/g)),
      log1p(matches(lower, /\b(?:for|while)\b/g)),
      log1p(matches(lower, /\bif\b/g)),
      log1p(matches(text, /\./g)),
      log1p(matches(text, /["'`]/g)),
      log1p(new Set(lower.match(/[\p{L}\p{N}]+/gu) ?? []).size),
      log1p(matches(text, /\[/g)),
      flag(/\d\.\d/),
      flag(/\beach\b/),
      flag(/\b(?:half|twice|double|triple|times)\b/),
      flag(/asy\]/),
      flag(/frac/),
      flag(/return[\s\S]*\.join/),
    ],
  };
}

/** What can be told of a request's prompt: its text, and the label `category` when the client gives one. */
export function promptOf(content: Readonly<Record<string, unknown>>): PromptFeatures {
  const { prompt, messages, category } = content;
  const text = typeof prompt === "string" ? prompt : textOf(messages);
  return promptFeatures(text, typeof category === "string" ? category : "");
}

/** The text of the last turn of the user: what is asked, whatever was said before. */
function textOf(messages: unknown): string {
  if (!Array.isArray(messages)) return "";
  const turns = messages as readonly { readonly role?: unknown; readonly content?: unknown }[];
  const last = [...turns].reverse().find((turn) => turn?.role === "user" && typeof turn.content === "string");
  return typeof last?.content === "string" ? last.content : "";
}
