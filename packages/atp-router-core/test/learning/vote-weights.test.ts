import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { patternKey } from "../../src/learning/patterns.js";
import { voteWeights } from "../../src/learning/vote-weights.js";

const judged = (groups: readonly (readonly string[])[], right: number, count: number): readonly [string, number] => [
  patternKey({ bucket: "", groups, silent: [], truth: right < 0 ? { none: true } : { right } }),
  count,
];
const seen = (): number => 100;

describe("learned vote weights", () => {
  it("count an adapter and its perfect copy as about one", () => {
    const accuracy = { a: 0.7, copy: 0.7, alone: 0.7 };
    const both = judged([["a", "copy"], ["alone"]], 1, 1_000);
    const { weights } = voteWeights(accuracy, seen, [both]);
    expect((weights["a"] ?? 0) + (weights["copy"] ?? 0)).toBeCloseTo(weights["alone"] ?? 0, 2);
  });

  it("take nothing from adapters that agree on right answers only", () => {
    const accuracy = { a: 0.7, b: 0.7 };
    expect(voteWeights(accuracy, seen, [judged([["a", "b"]], 0, 500)])).toEqual(voteWeights(accuracy, seen, []));
  });

  it("name no champion while too little is known, then the most accurate", () => {
    const accuracy = { a: 0.7, b: 0.9 };
    expect(voteWeights(accuracy, () => 19, [])).not.toHaveProperty("champion");
    expect(voteWeights(accuracy, seen, []).champion).toBe("b");
    expect(voteWeights(accuracy, (name) => (name === "a" ? 20 : 0), []).champion).toBe("a");
  });

  it("are above 0 and at most 1, grow with accuracy, and survive keys that are none", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, share, fc.string(), (a, b, key) => {
        const { weights } = voteWeights({ a, b }, seen, [[key, 1]]);
        for (const weight of Object.values(weights)) expect(weight).toBeGreaterThan(0);
        for (const weight of Object.values(weights)) expect(weight).toBeLessThanOrEqual(1);
        if (a < b) expect(weights["a"]).toBeLessThanOrEqual(weights["b"] ?? 0);
      }),
      { numRuns: 100 },
    );
  });
});
