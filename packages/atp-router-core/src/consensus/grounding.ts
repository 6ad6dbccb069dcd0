import type { Answer } from "../model/index.js";
import { wordsOf } from "./normalise.js";

/** Texts that an answer may cite, by the name that citations call them. */
export type Sources = Readonly<Record<string, string>>;

/** How an answer stands to the sources it cites. */
export type Grounding =
  /** It cites nothing, or nothing whose text is at hand. */
  | "unknown"
  /** Every quote of a source at hand stands there. */
  | "grounded"
  /** It quotes a source at hand with words that do not stand there, or stand there denied. */
  | "contradicted";

const negations = new Set(["not", "no", "never", "cannot"]);

/**
 * Checks an answer's quotes against the sources at hand. A quote that its source does not have is a veto, not a smaller weight:
 * an answer that makes up its evidence is not a little less right.
 */
export function groundingOf(answer: Answer, sources: Sources, read: Map<string, string> = new Map()): Grounding {
  let grounded = false;
  for (const { source, quote } of answer.evidence) {
    if (quote === undefined || !Object.hasOwn(sources, source)) continue;
    const wanted = line(wordsOf(quote));
    if (wanted.trim() === "") continue;
    let text = read.get(source);
    if (text === undefined) read.set(source, (text = line(wordsOf(sources[source] ?? ""))));
    const at = text.indexOf(wanted);
    if (at < 0) return "contradicted";
    // "The router is down" of "it is not that the router is down": the words before decide.
    const before = text
      .slice(0, at + 1)
      .trim()
      .split(" ")
      .slice(-2);
    if (before.some((word) => negations.has(word)) && !negations.has(wanted.trim().split(" ")[0] ?? ""))
      return "contradicted";
    grounded = true;
  }
  return grounded ? "grounded" : "unknown";
}

/** Words in one line, with a space on both sides, so that only whole words are found. */
function line(words: readonly string[]): string {
  return ` ${words.join(" ")} `;
}
