import { codeOf } from "./code.js";
import { dateOf, numbersIn, quantityOf } from "./quantity.js";
import type { Quantity } from "./quantity.js";

/** Words of an answer, and what must never differ between two that say the same. */
export interface TextForm {
  readonly kind: "text";
  /** Without case, punctuation and articles. */
  readonly words: readonly string[];
  /** In the order of size. */
  readonly numbers: readonly number[];
  readonly negated: boolean;
}

/** An answer in a form that can be compared. */
export type Normal =
  | { readonly kind: "choice" | "boolean" | "date" | "json" | "code" | "signs"; readonly value: string }
  /** Nothing was said: it agrees with nothing, another nothing included. */
  | { readonly kind: "empty" }
  | { readonly kind: "number"; readonly quantity: Quantity }
  | TextForm;

const articles = new Set(["a", "an", "the"]);
const negations = new Set(["not", "no", "never", "none", "cannot", "without", "neither", "nor"]);

/** A short answer without its wrapping: fences, quotes, a final full stop, "the answer is". */
function bare(text: string): string {
  return text
    .normalize("NFKC")
    .trim()
    .replace(/^```[a-z]*\s*([\s\S]*?)\s*```$/i, "$1")
    .replace(
      /^(?:so,?\s+|thus,?\s+|therefore,?\s+)?(?:the\s+|my\s+)?(?:final\s+|correct\s+)?answer\s*(?:is|:|=)\s*/i,
      "",
    )
    .replace(/^["'`*_(“‘]+/, "")
    .replace(/["'`*_).!”’]+$/, "")
    .trim();
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** An option without its letter: "Berlin" of "B) Berlin". */
function bodyOf(choice: string): string {
  const folded = bare(choice).toLowerCase();
  return folded.replace(/^\(?[a-z0-9]\)?\s*[).:]\s*(?=\S)/, "");
}

/** The option of a closed set that an answer names: by itself, by its letter, or as the only one in its sentence. */
function choiceOf(text: string, choices: readonly string[]): string | undefined {
  const folded = bare(text).toLowerCase();
  const exact = choices.filter((choice) => bare(choice).toLowerCase() === folded || bodyOf(choice) === folded);
  if (exact.length > 0) return exact[0];
  // "B", "B)" and "B: blue" name the option "B" or "B) blue".
  const letter = /^\(?([a-z0-9])\)?(?:\s*[).:]|$)/i.exec(folded)?.[1];
  if (letter !== undefined) {
    const lettered = choices.filter((choice) =>
      new RegExp(`^\\(?${letter}\\)?(?:\\s*[).:]|$)`, "i").test(choice.trim()),
    );
    if (lettered.length === 1) return lettered[0];
  }
  const named = choices.filter((choice) => {
    const word = escaped(bodyOf(choice));
    return word !== "" && new RegExp(`(?<![\\p{L}\\p{N}])${word}(?![\\p{L}\\p{N}])`, "u").test(folded);
  });
  // A name inside a longer one ("blue" in "dark blue") is not named by itself.
  const longest = named.filter(
    (choice) => !named.some((other) => other !== choice && bodyOf(other).includes(bodyOf(choice))),
  );
  return longest.length === 1 && !isNegated(wordsOf(folded)) ? longest[0] : undefined;
}

function booleanOf(text: string): string | undefined {
  const word = /^(yes|true|correct|y|no|false|incorrect|n)(?:$|\s*[,;:!—–-]\s|\.\s+(?!\d))/i
    .exec(text)?.[1]
    ?.toLowerCase();
  if (word === undefined) return undefined;
  return ["yes", "true", "correct", "y"].includes(word) ? "true" : "false";
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

function jsonOf(text: string): string | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const ascii = /^[\x00-\x7f]*$/;

/** Two things in brackets that are not both square, and nothing else: `[3, 4]` is JSON. */
const pair = /^(?!\[.*\]$)[([]\s*[^\s,()[\]]+\s*,\s*[^\s,()[\]]+\s*[)\]]$/;

/** A text's words: without case, punctuation, citations in brackets and articles. */
export function wordsOf(text: string): readonly string[] {
  // Most answers are ASCII, and long ones are compared while a client waits: what cannot occur is not looked for.
  const plain = ascii.test(text);
  let folded = (plain ? text : text.normalize("NFKC")).toLowerCase();
  if (!plain || folded.includes("'")) folded = folded.replace(/n['’]t\b/g, " not");
  if (folded.includes("[")) folded = folded.replace(/\[[^\]\s]*:\d+(?:-\d+)?\]/g, " ");
  if (folded.includes(",")) folded = folded.replace(/(\d),(?=\d{3})/g, "$1");
  const words = folded.replace(plain ? /[^a-z0-9\s.]+/g : /[^\p{L}\p{N}\s.]+/gu, " ").split(/\s+|\.(?!\d)/u);
  const kept: string[] = [];
  for (const word of words) if (word !== "" && !articles.has(word)) kept.push(word);
  return kept;
}

function isNegated(words: readonly string[]): boolean {
  return words.filter((word) => negations.has(word)).length % 2 === 1;
}

/**
 * Brings an answer to the form its type is compared in: a closed choice, a boolean, a number with its unit, a date, JSON with
 * sorted keys, a block of code without what does not matter, else words without case, punctuation and articles.
 */
export function normalise(text: string, choices: readonly string[] | undefined): Normal {
  if (text.trim() === "") return { kind: "empty" };
  if (choices !== undefined && choices.length > 0) {
    const value = choiceOf(text, choices);
    if (value !== undefined) return { kind: "choice", value };
  }
  const code = codeOf(text);
  if (code !== undefined) return { kind: "code", value: code };
  const short = bare(text);
  const boolean = booleanOf(short);
  if (boolean !== undefined) return { kind: "boolean", value: boolean };
  const date = dateOf(short);
  if (date !== undefined) return { kind: "date", value: date };
  const quantity = quantityOf(short);
  if (quantity !== undefined) return { kind: "number", quantity };
  const json = jsonOf(short);
  if (json !== undefined) return { kind: "json", value: json };
  // Brackets of a pair say whether its ends belong to it: `(3, 4]` is another interval than `(3, 4)`.
  if (pair.test(text.trim())) return { kind: "signs", value: text.replace(/\s+/g, "").toLowerCase() };
  // A sign before a name is a part of it: `-i` is not `i`. With a space after it, it is a list's dash.
  const words = /^[-−](?=[\p{L}\\(])/u.test(text.trim()) ? ["minus", ...wordsOf(text)] : wordsOf(text);
  // Signs alone, such as an emoji, are compared as they are.
  if (words.length === 0) return { kind: "signs", value: short === "" ? text.trim() : short };
  return {
    kind: "text",
    words,
    numbers: numbersIn(text.replace(/\[[^\]\s]*:\d+(?:-\d+)?\]/g, " ")),
    negated: isNegated(words),
  };
}
