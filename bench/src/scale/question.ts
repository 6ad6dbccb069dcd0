/** What a question of this bench asks for, and what its answer must be: each answer differs, so that a doubled or a missing piece shows. */
export interface Question {
  readonly id: string;
  readonly chunks: number;
  /** Wait before each chunk, in milliseconds. */
  readonly delayMs: number;
}

/** Tokens and micro-dollars of each chunk. */
export const CHUNK_TOKENS = 3;
export const CHUNK_USD_MICROS = 40;

/** The prompt of a question. */
export function promptOf({ id, chunks, delayMs }: Question): string {
  return `id=${id} chunks=${chunks} delay_ms=${delayMs} `.padEnd(100, ".");
}

/**
 * The question of a prompt.
 * @throws Error when it is none
 */
export function questionOf(prompt: string): Question {
  const found = /^id=(\S+) chunks=(\d+) delay_ms=(\d+) /.exec(prompt);
  if (found === null) throw new Error("this adapter answers prompts that begin with id=<id> chunks=<n> delay_ms=<n>");
  return { id: found[1] ?? "", chunks: Number(found[2]), delayMs: Number(found[3]) };
}

/** The text of one chunk. */
export function pieceOf(id: string, index: number): string {
  return `${id}.${index} `;
}

/** The whole answer. */
export function answerOf({ id, chunks }: Question): string {
  return Array.from({ length: chunks }, (_, i) => pieceOf(id, i)).join("");
}
