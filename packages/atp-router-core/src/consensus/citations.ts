import type { Evidence } from "atp-protocol";
import { wordsOf } from "./normalise.js";

/** A place that an answer cites. */
export interface Citation {
  /** The file or other source, as far as it is told. */
  readonly path: string;
  /** Lines, first and last; undefined when the locator names none. */
  readonly lines: readonly [number, number] | undefined;
  /** The whole locator; empty when there is none. */
  readonly locator: string;
  /** The quote's words in one line; empty when there is none. */
  readonly quote: string;
}

const withLines = /^(.*?):?L?(\d+)(?:[-–]L?(\d+))?$/;

/** Reads a citation. A locator is `path:line`, `path:first-last`, or anything else that names one place. */
export function citationOf(evidence: Evidence): Citation {
  const locator = evidence.locator ?? "";
  const quote = wordsOf(evidence.quote ?? "").join(" ");
  const match = withLines.exec(locator);
  if (match === null) return { path: evidence.source, lines: undefined, locator, quote };
  const first = Number(match[2]);
  const last = Math.max(first, Number(match[3] ?? first));
  const path = match[1] === undefined || match[1] === "" ? evidence.source : match[1];
  return { path, lines: [first, last], locator, quote };
}

/** Quotes shorter than this may stand in many places. */
const TELLING_QUOTE = 20;

/** Whether two citations are of the same place: lines that overlap, the same locator, or the same telling quote. */
export function samePlace(a: Citation, b: Citation): boolean {
  if (a.lines !== undefined && b.lines !== undefined) {
    if (a.path === b.path && a.lines[0] <= b.lines[1] && b.lines[0] <= a.lines[1]) return true;
  } else if (a.locator !== "" && a.locator === b.locator && a.path === b.path) return true;
  return sameQuote(a, b);
}

/** Whether one quote is the other or a part of it. */
export function sameQuote(a: Citation, b: Citation): boolean {
  if (Math.min(a.quote.length, b.quote.length) < TELLING_QUOTE) return a.quote !== "" && a.quote === b.quote;
  return a.quote.includes(b.quote) || b.quote.includes(a.quote);
}

/** Share of the shorter list whose places the other cites too. 0 when either cites nothing. */
export function sharedPlaces(a: readonly Citation[], b: readonly Citation[]): number {
  const [fewer, more] = a.length <= b.length ? [a, b] : [b, a];
  if (fewer.length === 0) return 0;
  return fewer.filter((citation) => more.some((other) => samePlace(citation, other))).length / fewer.length;
}
