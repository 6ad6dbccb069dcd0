import { describe, expect, it } from "vitest";
import { MIN_STREAMS, runSchedule, runSchedules } from "../support/schedule.js";

/** `ATP_SEED=123 npx vitest run ...` replays one; `ATP_RUNS=20` runs twenty times as many. */
const seed = process.env["ATP_SEED"];
const factor = Number(process.env["ATP_RUNS"] ?? 1);

describe("seeded schedules of cuts, half-open sockets, duplicates and drains", () => {
  it("A5.3 A5.4 A8.1 A9.2 A9.6 deliver what was sent, once, in order, with one end a stream, within all bounds", () => {
    const from = seed === undefined ? 1 : Number(seed);
    const summary = runSchedules({ from, count: seed === undefined ? 150 * factor : 1 });
    expect(summary.failures).toEqual([]);
    expect(summary.streams).toBeGreaterThanOrEqual(MIN_STREAMS * summary.schedules);
    if (seed === undefined) for (const count of Object.values(summary.counts)) expect(count).toBeGreaterThan(20);
  });

  it("A8.3 a stream that got credit and waits for the socket is not taken for one without credit (seed 16032)", () => {
    expect(runSchedules({ from: 16_032, count: 1 }).failures).toEqual([]);
  });

  it("a seed replays to the identical trace, and another seed to another one", () => {
    expect(runSchedule(7)).toEqual(runSchedule(7));
    expect(runSchedule(7).trace).not.toBe(runSchedule(8).trace);
  });
});
