import { describe, expect, it } from "vitest";
import type { LiveRun } from "../src/live-run.js";
import { Taken } from "../src/taken.js";
import { VirtualClock } from "./support/virtual-clock.js";

const one = { streamId: "1" } as LiveRun;
const two = { streamId: "2" } as LiveRun;

function world(): { clock: VirtualClock; taken: Taken; told: [string, number][] } {
  const clock = new VirtualClock();
  const told: [string, number][] = [];
  return { clock, told, taken: new Taken(clock, (run, seq) => told.push([run.streamId, seq])) };
}

describe("what readers took", () => {
  it("is told at once when nothing else waits for the reader", () => {
    const { clock, taken, told } = world();
    taken.take(one, 2, true);
    expect(told).toEqual([["1", 2]]);
    expect(clock.pending()).toEqual([]);
  });

  it("is told once for a burst, by its last number", () => {
    const { taken, told } = world();
    for (let seq = 2; seq < 100; seq++) taken.take(one, seq, false);
    expect(told).toEqual([]);
    taken.take(one, 100, true);
    expect(told).toEqual([["1", 100]]);
  });

  it("is told within a second when the reader stops in the middle of a burst (A9.1)", async () => {
    const { clock, taken, told } = world();
    taken.take(one, 2, false);
    taken.take(two, 7, false);
    taken.take(one, 3, false);
    await clock.advance(1_000);
    expect(told).toEqual([
      ["1", 3],
      ["2", 7],
    ]);
    expect(clock.pending()).toEqual([]);
    taken.take(one, 4, false);
    await clock.advance(1_000);
    expect(told.at(-1)).toEqual(["1", 4]);
  });

  it("is told in between when a burst does not end", () => {
    const { taken, told } = world();
    for (let seq = 2; seq < 1_002; seq++) taken.take(one, seq, false);
    expect(told.length).toBeGreaterThan(5);
    expect(told.length).toBeLessThan(10);
  });

  it("is no more told once the session is over", async () => {
    const { clock, taken, told } = world();
    taken.take(one, 2, false);
    taken.stop();
    await clock.advance(1_000);
    expect(told).toEqual([]);
  });
});
