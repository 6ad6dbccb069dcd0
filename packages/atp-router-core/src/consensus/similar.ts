import type { Answer } from "../model/index.js";
import { citationOf, sharedPlaces } from "./citations.js";
import type { Citation } from "./citations.js";
import type { Normal, TextForm } from "./normalise.js";
import { near, quantityOf, sameQuantity } from "./quantity.js";
import type { Quantity } from "./quantity.js";
import type { Similarity } from "./similarity.js";

/** Shared share of word triples from which two texts are the same answer. */
const SAME_TEXT = 0.7;
/** Share of the fewer citations that the other answer cites too, from which two cited answers are the same. */
const SAME_EVIDENCE = 0.5;
/** Under so many words a text is compared as a whole: a changed word changes it. */
const SHORT_WORDS = 8;
/** A number or a name may be the whole answer of a sentence of up to so many words. */
const SENTENCE_WORDS = 24;

/** An answer beside its normal form. */
export interface Compared {
  readonly answer: Answer;
  readonly normal: Normal;
  /** The words of a text in one line; empty when the answer is none. */
  readonly text: string;
  /** Hashes of a text's word triples, each once, in order: two texts are compared by one walk over both. */
  readonly shingles: Int32Array;
  readonly citations: readonly Citation[];
  /** The answer is made of what it quotes. */
  readonly quoting: boolean;
}

/** Prepares an answer for comparison. */
export function compared(answer: Answer, normal: Normal): Compared {
  const citations = answer.evidence.map(citationOf);
  const text = normal.kind === "text" ? normal.words.join(" ") : "";
  const quoted = citations.filter(({ quote }) => quote !== "" && text.includes(quote)).length;
  return {
    answer,
    normal,
    text,
    shingles: shinglesOf(normal.kind === "text" ? normal.words : []),
    citations,
    quoting: quoted > 0 && quoted * 2 >= citations.length,
  };
}

/**
 * Triples as 32-bit hashes. Two different ones of a few hundred fall together once in some ten thousand pairs of answers, and
 * then count for one triple of all.
 */
function shinglesOf(words: readonly string[]): Int32Array {
  if (words.length < 3) return new Int32Array(0);
  const hashes = new Int32Array(words.length);
  for (let i = 0; i < words.length; i++) hashes[i] = hashOf(words[i] as string);
  const shingles = new Int32Array(words.length - 2);
  for (let i = 0; i < shingles.length; i++) {
    const two = Math.imul((hashes[i] as number) ^ Math.imul(hashes[i + 1] as number, 0x9e3779b1), 0x85ebca6b);
    shingles[i] = Math.imul(two ^ (two >>> 13) ^ (hashes[i + 2] as number), 0xc2b2ae35);
  }
  shingles.sort();
  let kept = 0;
  for (let i = 0; i < shingles.length; i++)
    if (i === 0 || shingles[i] !== shingles[i - 1]) shingles[kept++] = shingles[i] as number;
  return shingles.subarray(0, kept);
}

/** FNV-1a over UTF-16 units. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return hash;
}

/** Whether shared members are at least `least` of all, for two ordered lists without doubles. */
function jaccardReaches(a: Int32Array, b: Int32Array, least: number): boolean {
  const most = Math.min(a.length, b.length);
  // Even if the shorter were a part of the longer.
  if (most === 0 || most / Math.max(a.length, b.length) < least) return false;
  let shared = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i] as number;
    const y = b[j] as number;
    if (x === y) shared++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  return shared / (a.length + b.length - shared) >= least;
}

const equalLists = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => near(value, b[i] ?? NaN));

/** Whether every number of one text is in the other: a longer answer may say more, but not otherwise. */
function compatibleNumbers(a: readonly number[], b: readonly number[]): boolean {
  const [fewer, more] = a.length <= b.length ? [a, b] : [b, a];
  return fewer.every((value) => more.some((other) => near(value, other)));
}

/** Whether two answers say the same. Never across a differing number, negation or option. */
export function same(a: Compared, b: Compared, similarity?: Similarity): boolean {
  const x = a.normal;
  const y = b.normal;
  if (x.kind === "text" && y.kind === "text") return sameByEvidence(a, b, x, y) || sameText(a, b, x, y, similarity);
  if (x.kind === "number" && y.kind === "number") return sameQuantity(x.quantity, y.quantity);
  if (x.kind === "number" && y.kind === "text") return sentenceSays(y, x.quantity);
  if (x.kind === "text" && y.kind === "number") return sentenceSays(x, y.quantity);
  return x.kind === y.kind && "value" in x && "value" in y && x.value === y.value;
}

/**
 * Cited answers stand or fall with what they cite. Where both are made of their quotes the shared place is the answer; where
 * words are the adapter's own, numbers and negation must agree as well.
 */
function sameByEvidence(a: Compared, b: Compared, x: TextForm, y: TextForm): boolean {
  if (sharedPlaces(a.citations, b.citations) < SAME_EVIDENCE) return false;
  if (a.quoting && b.quoting) return true;
  return x.negated === y.negated && compatibleNumbers(x.numbers, y.numbers);
}

function sameText(a: Compared, b: Compared, x: TextForm, y: TextForm, similarity: Similarity | undefined): boolean {
  if (x.negated !== y.negated || !equalLists(x.numbers, y.numbers)) return false;
  if (a.text === b.text) return true;
  if (similarity !== undefined) return similarity.same(a.answer.text, b.answer.text);
  if (Math.min(x.words.length, y.words.length) >= SHORT_WORDS) return jaccardReaches(a.shingles, b.shingles, SAME_TEXT);
  return names(x, y) || names(y, x);
}

const copulas = new Set(["is", "are", "was", "were"]);

/** Whether a short text without a verb is what a sentence says something to be: "Paris" and "The capital of France is Paris". */
function names(bare: TextForm, sentence: TextForm): boolean {
  if (bare.words.length === 0 || bare.words.some((word) => copulas.has(word))) return false;
  if (sentence.words.length > SENTENCE_WORDS) return false;
  const at = sentence.words.reduce((last, word, i) => (copulas.has(word) ? i : last), -1);
  return at >= 0 && sentence.words.slice(at + 1).join(" ") === bare.words.join(" ");
}

/** Words that follow a number without being its unit. */
const noUnits = new Set(
  "in of on at for per by and or when to as if than is are was were it that which with from".split(" "),
);

/** Whether a number is the only one in a short sentence that does not deny it. */
function sentenceSays(text: TextForm, wanted: Quantity): boolean {
  const [only, ...others] = text.numbers;
  if (only === undefined || others.length > 0 || text.negated || text.words.length > SENTENCE_WORDS) return false;
  const after = text.words[text.words.findIndex((word) => near(Number(word), only)) + 1] ?? "";
  const unit = noUnits.has(after) ? "" : after;
  return sameQuantity(wanted, quantityOf(`${only} ${unit}`.trim()) ?? { value: only, unit: "" });
}
