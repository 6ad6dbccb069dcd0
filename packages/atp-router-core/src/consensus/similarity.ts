/**
 * Whether two free texts say the same. A model of sentence meaning can take the place of the default; typed answers (numbers,
 * dates, choices, JSON, code) and cited ones never ask it, and it is never asked across a differing number or negation.
 */
export interface Similarity {
  /** Told with what it decided, so that nobody takes one kind for another. */
  readonly name: string;
  same(a: string, b: string): boolean;
}

/** The name of the default: shared word triples. It reads letters, not meaning. */
export const LEXICAL = "lexical";
