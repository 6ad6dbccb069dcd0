import type { Answer } from "../model/index.js";
import type { Normal } from "./normalise.js";

/** Relative difference up to which two numbers are the same. */
const NUMBER_TOLERANCE = 1e-6;
/** Shared share of word triples from which two texts are the same answer. */
const SAME_TEXT = 0.7;
/** Shared share of citations from which two cited answers are the same. */
const SAME_EVIDENCE = 0.5;
/** Under so many words a text is compared as a whole: a changed word changes it. */
const SHORT_WORDS = 8;

/** An answer beside its normal form. */
export interface Compared {
  readonly answer: Answer;
  readonly normal: Normal;
  readonly shingles: ReadonlySet<string>;
  readonly cited: ReadonlySet<string>;
}

/** Prepares an answer for comparison. */
export function compared(answer: Answer, normal: Normal): Compared {
  return {
    answer,
    normal,
    shingles: normal.kind === "text" ? shinglesOf(normal.words) : new Set(),
    cited: citations(answer),
  };
}

function shinglesOf(words: readonly string[]): ReadonlySet<string> {
  const size = words.length < 3 ? words.length : 3;
  const shingles = new Set<string>();
  for (let i = 0; i + size <= words.length && size > 0; i++) shingles.add(words.slice(i, i + size).join(" "));
  return shingles;
}

function citations(answer: Answer): ReadonlySet<string> {
  return new Set(answer.evidence.map((e) => e.locator ?? e.source));
}

/** Shared members as a share of all. */
function jaccard<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number {
  let shared = 0;
  for (const member of a) if (b.has(member)) shared++;
  const all = a.size + b.size - shared;
  return all === 0 ? 1 : shared / all;
}

/** Shared members as a share of the smaller set: a longer answer may say all of the shorter and more. */
function overlap<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number {
  let shared = 0;
  for (const member of a) if (b.has(member)) shared++;
  const least = Math.min(a.size, b.size);
  return least === 0 ? 0 : shared / least;
}

/** Whether two answers say the same. Never across a differing number or negation. */
export function same(a: Compared, b: Compared): boolean {
  const x = a.normal;
  const y = b.normal;
  if (x.kind === "number" && y.kind === "number") {
    const scale = Math.max(Math.abs(x.value), Math.abs(y.value), 1e-12);
    return (
      Math.abs(x.value - y.value) / scale <= NUMBER_TOLERANCE && (x.unit === y.unit || x.unit === "" || y.unit === "")
    );
  }
  if (x.kind !== "text" || y.kind !== "text")
    return x.kind === y.kind && "value" in x && "value" in y && x.value === y.value;
  // Cited answers stand or fall with what they cite.
  if (a.cited.size > 0 && b.cited.size > 0 && overlap(a.cited, b.cited) >= SAME_EVIDENCE) return true;
  if (x.numbers.join(" ") !== y.numbers.join(" ") || x.negated !== y.negated) return false;
  if (Math.min(x.words.length, y.words.length) < SHORT_WORDS) return x.words.join(" ") === y.words.join(" ");
  return jaccard(a.shingles, b.shingles) >= SAME_TEXT;
}
