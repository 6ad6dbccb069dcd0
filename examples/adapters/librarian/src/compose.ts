/**
 * From hits to an answer: which passages, in which order, how much of each, and the quote that proves it.
 */
import type { EvidenceItem } from "atp-adapter-kit";
import { type Hit, isFrom, type Library, type Mode } from "./library.js";
import { boldLead, listMarker, type Passage, plainText, sentencesOf } from "./passages.js";
import { terms } from "./terms.js";

const deepPassages = 4;
/** A passage far below the best one would only dilute the answer. */
const minRelativeScore = 0.4;
/** Below this share of the question's weight a passage is about something else. */
const minCoverage = 0.5;
/** One rare word in common is not enough to stand beside a passage that has all of them. */
const minRelativeCoverage = 0.7;
const maxPassageLength = 900;
const maxQuoteLength = 240;

/** An answer before it is sent. */
export interface Composed {
  /** Deltas: sentences and citations. Joined they are the answer. */
  readonly deltas: readonly string[];
  readonly evidence: readonly EvidenceItem[];
  /** 0 to 1. */
  readonly confidence: number;
}

/**
 * Composes an answer of at most `maxBytes`, or the honest word that there is none.
 *
 * The confidence grows with the share of the question's terms that the best passage has and with its margin over the best
 * passage of another section. It is a score, not a measured probability.
 */
export function compose(
  hits: readonly Hit[],
  library: Library,
  options: {
    readonly mode: Mode;
    readonly question: string;
    readonly requiredSources: readonly string[];
    readonly maxBytes: number;
  },
): Composed {
  const chosen = choosePassages(hits, library, options.mode, options.requiredSources);
  const best = chosen[0];
  if (best === undefined) return notFound(library, options.maxBytes);
  const asked = new Set(terms(options.question));
  const writer = new Writer(options.maxBytes);
  const evidence: EvidenceItem[] = [];
  for (const passage of readingOrder(chosen.map((hit) => hit.passage))) {
    const item = quoteOf(passage, asked);
    if (!writer.passage(excerpt(passage.text, asked), ` [${item.locator ?? passage.path}]`)) break;
    evidence.push(item);
  }
  return { deltas: writer.deltas, evidence, confidence: confidenceOf(best, marginOf(best, hits), options.mode) };
}

/** The passages that an answer is made of, best first. Empty when none is about the question. */
export function choosePassages(
  hits: readonly Hit[],
  library: Library,
  mode: Mode,
  requiredSources: readonly string[],
): Hit[] {
  const fitting = hits.filter((hit) => hit.coverage >= minCoverage);
  const best = fitting[0];
  if (best === undefined) return [];
  if (mode === "shallow") return [best];
  const comparable = fitting.filter((hit) => hit.coverage >= best.coverage * minRelativeCoverage);
  const chosen: Hit[] = [];
  const take = (hit: Hit | undefined): void => {
    if (hit === undefined || chosen.length === deepPassages) return;
    const repeats = chosen.some(
      ({ passage }) => passage.section === hit.passage.section || similarity(library, passage, hit.passage) > 0.6,
    );
    if (!repeats) chosen.push(hit);
  };
  take(best);
  for (const source of requiredSources) take(comparable.find((hit) => isFrom(hit.passage.path, [source])));
  for (const hit of comparable) if (hit.score >= best.score * minRelativeScore) take(hit);
  return chosen;
}

function notFound(library: Library, maxBytes: number): Composed {
  const writer = new Writer(maxBytes);
  const files = new Set(library.passages.map((passage) => passage.path)).size;
  writer.passage(
    `Not found in the documents. I searched ${String(library.passages.length)} passages of ${String(files)} files.`,
    "",
  );
  return { deltas: writer.deltas, evidence: [], confidence: 0.05 };
}

function confidenceOf(best: Hit, margin: number, mode: Mode): number {
  // A lone hit on half of the question is clear about the wrong thing, so the margin counts as far as the question is covered.
  const clear = Math.min(1, margin * 2) * best.coverage;
  const value =
    mode === "shallow" ? 0.05 + 0.5 * best.coverage + 0.15 * clear : 0.1 + 0.55 * best.coverage + 0.25 * clear;
  return Math.round(value * 1_000) / 1_000;
}

/** How far the best passage stands above the best one of another section, 0 to 1. */
function marginOf(best: Hit, hits: readonly Hit[]): number {
  const other = hits.find((hit) => hit.passage.section !== best.passage.section && hit.coverage >= minCoverage);
  return other === undefined ? 1 : Math.max(0, (best.score - other.score) / best.score);
}

/** The best passage's document first, each document from its top to its end. */
function readingOrder(passages: readonly Passage[]): Passage[] {
  const paths = [...new Set(passages.map((passage) => passage.path))];
  return [...passages].sort((a, b) => paths.indexOf(a.path) - paths.indexOf(b.path) || a.line - b.line);
}

function similarity(library: Library, a: Passage, b: Passage): number {
  const left = new Set(library.termsOf(a));
  const right = new Set(library.termsOf(b));
  const shared = [...left].filter((term) => right.has(term)).length;
  return shared / Math.max(1, left.size + right.size - shared);
}

/** A long passage from its sentence with the most asked terms on. */
function excerpt(text: string, asked: ReadonlySet<string>): string {
  if (text.length <= maxPassageLength) return text;
  const sentences = sentencesOf(text);
  const from = indexOfBest(sentences, asked);
  let length = 0;
  const kept = sentences
    .slice(from)
    .filter((sentence, i) => (length += sentence.length + 1) <= maxPassageLength || i === 0);
  return kept.join(" ");
}

/** The line of a passage with the most asked terms, word for word as it stands in the file, with its place. */
function quoteOf(passage: Passage, asked: ReadonlySet<string>): EvidenceItem {
  const offset = indexOfBest(passage.lines, asked);
  const line = (passage.lines[offset] ?? "")
    .replace(/^\s*>\s?/, "")
    .replace(listMarker, "")
    .replace(boldLead, "")
    .trim();
  // Cut by sentence, so that the quote stays a part of its line, character for character.
  const quote =
    line.length <= maxQuoteLength ? line : (sentencesOf(line)[indexOfBest(sentencesOf(line), asked)] ?? line);
  return { source: passage.path, locator: `${passage.path}:${String(passage.line + offset)}`, quote };
}

function indexOfBest(texts: readonly string[], asked: ReadonlySet<string>): number {
  const counts = texts.map((text) => new Set(terms(plainText(text)).filter((term) => asked.has(term))).size);
  return counts.indexOf(Math.max(...counts));
}

/** Writes passages into a bounded answer; what does not fit is cut at a word and ends in an ellipsis. */
class Writer {
  readonly deltas: string[] = [];
  private leftBytes: number;

  constructor(maxBytes: number) {
    this.leftBytes = maxBytes;
  }

  /** Whether any of the passage's text went in. */
  passage(text: string, citation: string): boolean {
    const isFirst = this.deltas.length === 0;
    const gap = isFirst ? "" : "\n\n";
    const parts = sentencesOf(text);
    // Only the first passage is worth a part of it; a later one comes whole or not at all.
    if (!isFirst && bytesOf(gap + text + citation) > this.leftBytes) return false;
    for (const [i, part] of parts.entries()) {
      const delta = (i === 0 ? gap : " ") + part;
      if (bytesOf(delta) > this.leftBytes) return this.cut(delta) || i > 0;
      this.write(delta);
    }
    if (bytesOf(citation) <= this.leftBytes && citation !== "") this.write(citation);
    return true;
  }

  private cut(delta: string): boolean {
    const room = this.leftBytes - bytesOf("…");
    let kept = "";
    for (const word of delta.split(/(?<=\s)/)) {
      if (bytesOf(kept + word.trimEnd()) > room) break;
      kept += word;
    }
    kept = kept.trimEnd();
    if (kept.trim() === "") return false;
    this.write(`${kept}…`);
    return true;
  }

  private write(delta: string): void {
    this.deltas.push(delta);
    this.leftBytes -= bytesOf(delta);
  }
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text, "utf8");
}
