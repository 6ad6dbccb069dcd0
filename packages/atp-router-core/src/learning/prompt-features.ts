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
  "body",
  "option length",
  "longest option",
  "option spread",
  "numeric options",
  "symbols",
  "word length",
  "digits",
  "blank",
  "negation",
  "exception",
  "statements",
  "which of",
  "question",
  "all of the above",
  "both",
] as const;

/** A line that offers an answer: `A. text`, `(b) text`, `3) text`. */
const OPTION = /\n\s*\(?(?:[A-Za-z]|\d{1,2})[.)]\s?([^\n]*)/g;

/** How long offered answers are, and how alike; zeros when none are offered. */
function optionFeatures(text: string): number[] {
  const options = Array.from(text.matchAll(OPTION), ([, option]) => option ?? "");
  if (options.length === 0) return [0, 0, 0, 0];
  const lengths = options.map((option) => option.length);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  const variance = lengths.reduce((sum, length) => sum + (length - mean) ** 2, 0) / lengths.length;
  const numeric = options.filter((option) => /^[\s$-]*[\d.,/%]/.test(option)).length;
  return [log1p(mean), log1p(Math.max(...lengths)), Math.sqrt(variance) / (1 + mean), numeric / options.length];
}

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
  const words = lower.match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = words.reduce((sum, word) => sum + word.length, 0);
  const first = lower.search(OPTION);
  const body = first < 0 ? lower : lower.slice(0, first);
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
      log1p(new Set(words).size),
      log1p(matches(text, /\[/g)),
      flag(/\d\.\d/),
      flag(/\beach\b/),
      flag(/\b(?:half|twice|double|triple|times)\b/),
      flag(/asy\]/),
      flag(/frac/),
      flag(/return[\s\S]*\.join/),
      log1p(body.length),
      ...optionFeatures(text),
      log1p(matches(text, /[=^+*]/g)),
      letters / Math.max(1, words.length),
      matches(text, /\d/g) / Math.max(1, text.length),
      flag(/__/),
      /\bnot\b/.test(body) ? 1 : 0,
      flag(/\bexcept\b/),
      flag(/statement 1/),
      flag(/which of the following/),
      body.includes("?") ? 1 : 0,
      flag(/(?:all|none) of the above/),
      flag(/\bboth\b/),
    ],
  };
}
