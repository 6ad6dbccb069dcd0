/** What the adapter of this bench says: pieces of one width, each with its number and the time at which it left. */

/** An answer as it is asked for: so many pieces of so many characters, ASCII, so as many bytes. */
export interface Answer {
  readonly pieces: number;
  readonly width: number;
}

/** The prompt that asks for it. */
export function promptOf({ pieces, width }: Answer): string {
  return `${pieces} of ${width}`;
}

/** What a prompt asks for. */
export function answerOf(prompt: string): Answer {
  const [pieces, width] = prompt.split(" of ", 2);
  return { pieces: Number(pieces), width: Number(width) };
}

/** Characters of a piece. Those who stop ask for more than the kernel keeps for a socket that nobody reads. */
export const SHORT = 140;
export const LONG = 2_048;
/** A piece each 20 ms. */
export const EVERY_MS = 20;

/** Milliseconds of a clock that all processes of a machine share, finer than whole ones. */
export const now = (): number => performance.timeOrigin + performance.now();

/** The piece of this number as it leaves now. */
export function pieceOf(index: number, width: number): string {
  return `${index}|${now().toFixed(2)}|`.padEnd(width, ".");
}

/** Reads the pieces of a text. @throws Error when it is not made of whole ones */
export function* piecesOf(text: string, width: number): Generator<{ readonly index: number; readonly at: number }> {
  for (let from = 0; from < text.length; from += width) {
    const [index, at] = text.slice(from, from + width).split("|", 2);
    if (index === undefined || at === undefined) throw new Error("a piece of the answer was torn");
    yield { index: Number(index), at: Number(at) };
  }
}
