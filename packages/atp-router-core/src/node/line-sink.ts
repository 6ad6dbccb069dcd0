import type { Writable } from "node:stream";

/** Lines on their way to a file. */
export interface LineSink {
  /** Writes behind; the line brings its own end. It may come in two parts. */
  write(line: string, rest?: string): void;
  /** Lines that are not written yet. */
  readonly waiting: number;
  /** Their bytes in UTF-8. */
  readonly waitingBytes: number;
  /** Resolves when all is written, or cannot be. */
  close(): Promise<void>;
}

/** A busy log is written at most so often: what comes meanwhile goes in one piece. */
const PACE_MS = 25;
/** A buffer's first size, and what is kept of one after a rush. */
const FIRST_BYTES = 16_384;
const KEPT_BYTES = 1_048_576;

/**
 * Writes lines in the order in which they came. The first one of a quiet log is written at once; while one write is under way, and for
 * {@link PACE_MS} after it began, lines are joined, since a write costs the same for one as for many. They wait as bytes in one of two buffers, which take
 * turns: texts that outlive their turn of the event loop cost the garbage collector more than their making.
 */
export function lineSink(sink: Writable): LineSink {
  let filling = Buffer.allocUnsafe(FIRST_BYTES);
  let spare = Buffer.allocUnsafe(FIRST_BYTES);
  let bytes = 0;
  let lines = 0;
  let waiting = 0;
  let waitingBytes = 0;
  let busy = false;
  let lastAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  let closed: (() => void) | undefined;

  function flush(): void {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    const written = filling;
    const size = bytes;
    const count = lines;
    filling = spare;
    bytes = 0;
    lines = 0;
    busy = true;
    lastAt = performance.now();
    // An error is told by the sink's own event, here only that the write is over.
    sink.write(written.subarray(0, size), () => {
      spare = written.length > KEPT_BYTES ? Buffer.allocUnsafe(FIRST_BYTES) : written;
      busy = false;
      waiting -= count;
      waitingBytes -= size;
      next();
    });
  }

  function add(text: string): void {
    // A unit of UTF-16 is at most three bytes of UTF-8.
    const most = bytes + text.length * 3;
    if (most > filling.length) {
      const larger = Buffer.allocUnsafe(Math.max(filling.length * 2, most));
      filling.copy(larger, 0, 0, bytes);
      filling = larger;
    }
    const size = filling.write(text, bytes);
    bytes += size;
    waitingBytes += size;
  }

  function next(): void {
    if (busy) return;
    if (lines === 0) {
      if (closed !== undefined) sink.end(closed);
      return;
    }
    const dueMs = lastAt + PACE_MS - performance.now();
    if (dueMs <= 0 || closed !== undefined) flush();
    else timer ??= setTimeout(flush, dueMs);
  }

  return {
    write(line, rest) {
      add(line);
      if (rest !== undefined) add(rest);
      lines++;
      waiting++;
      if (!busy && timer === undefined) next();
    },
    get waiting() {
      return waiting;
    },
    get waitingBytes() {
      return waitingBytes;
    },
    close: () =>
      new Promise((resolve) => {
        closed = () => resolve();
        if (sink.destroyed) resolve();
        else next();
      }),
  };
}
