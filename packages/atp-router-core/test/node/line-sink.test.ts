import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { lineSink } from "../../src/node/line-sink.js";

/** A disk that ends each write when it is told to. */
function disk(): { readonly sink: Writable; readonly pieces: string[]; readonly done: (error?: Error) => void } {
  const pieces: string[] = [];
  let end: ((error?: Error) => void) | undefined;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      pieces.push(chunk.toString());
      end = done;
    },
  });
  sink.on("error", () => undefined);
  return { sink, pieces, done: (error) => end?.(error) };
}
const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("lines on their way to a file", () => {
  it("the first goes at once, those that come while it is written go in one piece, 25 ms after it began", async () => {
    const { sink, pieces, done } = disk();
    const out = lineSink(sink);
    for (const line of ["a\n", "b\n", "c\n"]) out.write(line);
    expect(pieces).toEqual(["a\n"]);
    expect([out.waiting, out.waitingBytes]).toEqual([3, 6]);
    done();
    await turn();
    expect([out.waiting, out.waitingBytes]).toEqual([2, 4]);
    vi.advanceTimersByTime(24);
    out.write("d\n");
    expect(pieces).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(pieces).toEqual(["a\n", "b\nc\nd\n"]);
  });

  it("a rush is written whole, with every character", async () => {
    const { sink, pieces, done } = disk();
    const out = lineSink(sink);
    const lines = Array.from({ length: 3_000 }, (_, i) => `${i} é 😀 ${"x".repeat(i % 1_000)}\n`);
    for (const [i, line] of lines.entries()) {
      out.write(line.slice(0, 2), line.slice(2));
      if (i % 500 !== 0) continue;
      done();
      await turn();
      vi.advanceTimersByTime(25);
    }
    const closed = out.close();
    for (let i = 0; i < 3; i++) {
      done();
      await turn();
    }
    await closed;
    expect(pieces.join("")).toBe(lines.join(""));
    expect([out.waiting, out.waitingBytes]).toEqual([0, 0]);
  });

  it("a quiet log is written at once each time", async () => {
    const { sink, pieces, done } = disk();
    const out = lineSink(sink);
    for (const line of ["a\n", "b\n"]) {
      out.write(line);
      expect(pieces.at(-1)).toBe(line);
      done();
      await turn();
      vi.advanceTimersByTime(25);
    }
    expect(out.waiting).toBe(0);
  });

  it("the end waits for nothing but the disk, and writes all", async () => {
    const { sink, pieces, done } = disk();
    const out = lineSink(sink);
    out.write("a\n");
    out.write("b\n");
    const closed = out.close();
    done();
    await turn();
    expect(pieces).toEqual(["a\n", "b\n"]);
    done();
    await closed;
    expect(sink.writableEnded).toBe(true);
  });

  it("a disk that fails does not hold up the end", async () => {
    const { sink, done } = disk();
    const out = lineSink(sink);
    out.write("a\n");
    out.write("b\n");
    const closed = out.close();
    done(new Error("ENOSPC"));
    await closed;
    await out.close();
  });
});
