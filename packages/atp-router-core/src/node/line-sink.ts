import type { Writable } from "node:stream";

/** Lines on their way to a file. */
export interface LineSink {
  /** Writes behind; the line brings its own end. */
  write(line: string): void;
  /** Lines that are not written yet. */
  readonly waiting: number;
  /** Their characters. */
  readonly waitingChars: number;
  /** Resolves when all is written, or cannot be. */
  close(): Promise<void>;
}

/** A busy log is written at most so often: what comes meanwhile goes in one piece. */
const PACE_MS = 25;

/**
 * Writes lines in the order in which they came. The first one of a quiet log is written at once; while one write is under way, and for
 * {@link PACE_MS} after it began, lines are joined, since a write costs the same for one as for many.
 */
export function lineSink(sink: Writable): LineSink {
  let text = "";
  let lines = 0;
  let waiting = 0;
  let waitingChars = 0;
  let busy = false;
  let lastAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  let closed: (() => void) | undefined;

  function flush(): void {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    const piece = text;
    const count = lines;
    text = "";
    lines = 0;
    busy = true;
    lastAt = performance.now();
    // An error is told by the sink's own event, here only that the write is over.
    sink.write(piece, () => {
      busy = false;
      waiting -= count;
      waitingChars -= piece.length;
      next();
    });
  }

  function next(): void {
    if (busy) return;
    if (text === "") {
      if (closed !== undefined) sink.end(closed);
      return;
    }
    const dueMs = lastAt + PACE_MS - performance.now();
    if (dueMs <= 0 || closed !== undefined) flush();
    else timer ??= setTimeout(flush, dueMs);
  }

  return {
    write(line) {
      text += line;
      lines++;
      waiting++;
      waitingChars += line.length;
      if (!busy && timer === undefined) next();
    },
    get waiting() {
      return waiting;
    },
    get waitingChars() {
      return waitingChars;
    },
    close: () =>
      new Promise((resolve) => {
        closed = () => resolve();
        if (sink.destroyed) resolve();
        else next();
      }),
  };
}
