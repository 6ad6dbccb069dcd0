/** What a bench question asks for and what its answer must be: the same text as the floor's. */

/** One chunk: 140 characters of ASCII. */
export const chunkText = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor "
  .repeat(3)
  .slice(0, 140);

/** Tokens and micro-dollars that the bench adapter bills. */
export const bill = { inTokens: 512, outTokensPerChunk: 7, usdMicrosPerChunk: 24 } as const;

/** How an answer is to come. */
export interface Shape {
  readonly chunks: number;
  /** Wait before each chunk, in milliseconds; 0 sends them in one burst. */
  readonly delayMs: number;
}

/** A prompt of 100 characters, as long as the floor's, that asks the bench adapter for an answer of this shape. */
export function promptFor(shape: Shape): string {
  return `chunks=${shape.chunks} delay_ms=${shape.delayMs} `.padEnd(100, "x");
}

/**
 * The shape a prompt asks for.
 * @throws Error when it is not one of {@link promptFor}
 */
export function shapeOf(prompt: string): Shape {
  const found = /^chunks=(\d+) delay_ms=(\d+) /.exec(prompt);
  if (found === null) throw new Error("the bench adapter answers prompts that begin with chunks=<n> delay_ms=<n>");
  return { chunks: Number(found[1]), delayMs: Number(found[2]) };
}
