import { describe, expect, it } from "vitest";
import { cutRuns } from "./support/cut-runs.js";

/** `ATP_CUT_RUNS=2000` for the whole figure; the browser's suite and the bench run that many. */
const count = Number(process.env["ATP_CUT_RUNS"] ?? 200);

describe("cuts at every frame boundary, half-open sockets, sleep and wake", () => {
  it(
    `A5.4 A9.2 ${count} runs: nothing lost, nothing twice, text identical to the uncut run`,
    async () => {
      const { failures, runs, resumed } = await cutRuns(count);
      expect(failures).toEqual([]);
      expect(runs).toBe(count);
      expect(resumed).toBeGreaterThan(runs / 2);
    },
    Math.max(30_000, count * 100),
  );
});
