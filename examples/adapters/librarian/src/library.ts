/**
 * Retrieval: which passages answer a question, and how clearly. BM25+ over stems by MiniSearch (Robertson and Zaragoza,
 * "The Probabilistic Relevance Framework", 2009; Lv and Zhai 2011 for the plus); the deep mode ranks again by coverage and proximity.
 */
import MiniSearch, { type SearchResult } from "minisearch";
import type { Document } from "./documents.js";
import { type Passage, passagesOf } from "./passages.js";
import { termOf, terms, words } from "./terms.js";

/** How hard to look. */
export type Mode = "shallow" | "deep";

/** What is looked for. */
export interface Query {
  readonly question: string;
  /** Terms of the asker's role: they count half. */
  readonly queryTerms: readonly string[];
  /** Paths or folders to prefer. */
  readonly requiredSources: readonly string[];
}

/** A passage found. */
export interface Hit {
  readonly passage: Passage;
  /** Comparable within one result only. */
  readonly score: number;
  /** Share of the question's terms that the passage has, by their weight, 0 to 1. */
  readonly coverage: number;
}

interface Indexed extends Passage {
  readonly id: number;
}

const maxHits = 40;
const roleTermWeight = 0.5;
const requiredSourceWeight = 1.6;

/** An index over documents. */
export class Library {
  readonly passages: readonly Passage[];
  private readonly stems: readonly (readonly string[])[];
  private readonly passagesWithTerm = new Map<string, number>();
  private readonly index: MiniSearch<Indexed>;

  constructor(documents: readonly Document[]) {
    this.passages = documents.flatMap(({ path, content }) => passagesOf(path, content));
    this.stems = this.passages.map((passage) => terms(passage.text));
    for (const [i, passage] of this.passages.entries()) {
      for (const term of new Set([...(this.stems[i] ?? []), ...terms(passage.heading)])) {
        this.passagesWithTerm.set(term, (this.passagesWithTerm.get(term) ?? 0) + 1);
      }
    }
    this.index = new MiniSearch<Indexed>({
      fields: ["text", "heading", "title"],
      tokenize: words,
      processTerm: (word) => termOf(word) ?? null,
    });
    this.index.addAll(this.passages.map((passage, id) => ({ ...passage, id })));
  }

  /** Finds passages, best first, at most 40. None when no document has a term of the question. */
  find(query: Query, mode: Mode): Hit[] {
    const asked = [...new Set(terms(query.question))];
    const added = [...new Set(query.queryTerms.flatMap(terms))].filter((term) => !asked.includes(term));
    if (asked.length + added.length === 0) return [];
    const results = this.index.search([...asked, ...added].join(" "), {
      // The words are terms already; stemming them again could change them.
      tokenize: (text) => text.split(" "),
      processTerm: (term) => term,
      boostTerm: (term) => (asked.includes(term) ? 1 : roleTermWeight),
      boost: mode === "shallow" ? { heading: 4, title: 3, text: 1 } : { heading: 1.5, title: 1, text: 1 },
      ...(mode === "shallow"
        ? {}
        : { fuzzy: (term) => (term.length > 5 ? 0.2 : false), prefix: (term) => term.length > 3 }),
    });
    const top = results[0]?.score ?? 1;
    return results
      .map((result) => this.toHit(result, top, asked, query.requiredSources, mode))
      .sort((a, b) => b.score - a.score)
      .slice(0, maxHits);
  }

  /** The terms of a passage, in order. */
  termsOf(passage: Passage): readonly string[] {
    return this.stems[this.passages.indexOf(passage)] ?? [];
  }

  private toHit(
    result: SearchResult,
    topScore: number,
    asked: readonly string[],
    requiredSources: readonly string[],
    mode: Mode,
  ): Hit {
    const id = result.id as number;
    const passage = this.passages[id] as Passage;
    const coverage = this.coverage(asked, result.queryTerms);
    const relative = result.score / topScore;
    const quality =
      mode === "shallow"
        ? relative
        : 0.45 * relative +
          0.35 * coverage +
          0.12 * proximity(this.stems[id] ?? [], asked) +
          (passage.leads ? 0.08 : 0);
    const source = isFrom(passage.path, requiredSources) ? requiredSourceWeight : sourceWeight(passage.path);
    return { passage, coverage, score: quality * source * lengthWeight(passage.text) };
  }

  private coverage(asked: readonly string[], matched: readonly string[]): number {
    let all = 0;
    let found = 0;
    for (const term of asked) {
      const weight = Math.log(1 + this.passages.length / (1 + (this.passagesWithTerm.get(term) ?? 0)));
      all += weight;
      if (matched.includes(term)) found += weight;
    }
    return all === 0 ? 0 : found / all;
  }
}

/** Whether a path is one of some sources, lies under one, or ends with one. */
export function isFrom(path: string, sources: readonly string[]): boolean {
  return sources.some((source) => {
    const wanted = source.replace(/\/+$/, "");
    return path === wanted || path.startsWith(`${wanted}/`) || path.endsWith(`/${wanted}`);
  });
}

/** Guides are written to be read; specifications and records answer other questions. */
function sourceWeight(path: string): number {
  if (/(^|\/)guides\//.test(path)) return 1.25;
  if (/(^|\/)(adr|benchmarks|api)\//.test(path)) return 0.5;
  if (/(^|\/)spec\//.test(path)) return 0.6;
  return 1;
}

/** BM25 likes short passages; a half sentence answers little. */
function lengthWeight(text: string): number {
  return text.length >= 80 ? 1 : 0.5 + text.length / 160;
}

/** How near to each other the asked terms stand, 0 to 1: their number over the shortest stretch that holds them all. */
function proximity(stems: readonly string[], asked: readonly string[]): number {
  const wanted = new Set(asked.filter((term) => stems.includes(term)));
  if (wanted.size < 2) return 0;
  const counts = new Map<string, number>();
  let shortest = Number.POSITIVE_INFINITY;
  let start = 0;
  stems.forEach((stem, end) => {
    if (!wanted.has(stem)) return;
    counts.set(stem, (counts.get(stem) ?? 0) + 1);
    while (counts.size === wanted.size) {
      shortest = Math.min(shortest, end - start + 1);
      const first = stems[start] ?? "";
      const left = (counts.get(first) ?? 0) - 1;
      if (left === 0) counts.delete(first);
      else if (left > 0) counts.set(first, left);
      start += 1;
    }
  });
  return wanted.size / shortest;
}
