import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { difference, median, percentile, ratio, tidy } from "../../src/harness/stats.js";

describe("stats", () => {
  it.each([
    { name: "odd", values: [3, 1, 2], want: 2 },
    { name: "even", values: [4, 1, 2, 3], want: 2.5 },
    { name: "numbers by size, not as text", values: [10, 9, 100], want: 10 },
  ])("takes the middle: $name", ({ values, want }) => expect(median(values)).toBe(want));

  it("has no middle of nothing", () => expect(median([])).toBeNaN());

  it("divides within a round, then takes the median", () => {
    // The medians of the two lists are equal; the within-round ratios are not.
    expect(ratio([1, 10, 100], [10, 100, 1])).toEqual({ value: 0.1, min: 0.1, max: 100, rounds: 3 });
  });

  it("refuses lists of different rounds", () => {
    expect(() => ratio([1], [1, 2])).toThrow(RangeError);
    expect(() => difference([1, 2], [1])).toThrow(RangeError);
  });

  it("keeps a ratio between its extremes", () => {
    const round = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 }));
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 20 }), (rounds) => {
        const got = ratio(
          rounds.map(([a]) => a),
          rounds.map(([, b]) => b),
        );
        expect(got.min).toBeLessThanOrEqual(got.value);
        expect(got.value).toBeLessThanOrEqual(got.max);
      }),
    );
  });

  it("finds the percentile of an unsorted list", () => {
    expect(percentile([5, 1, 4, 2, 3], 0.5)).toBe(3);
    expect(percentile([5, 1, 4, 2, 3], 0.99)).toBe(5);
  });

  it("rounds to four digits and leaves what is no number", () => {
    expect(tidy(1.23456)).toBe(1.235);
    expect(tidy(Number.NaN)).toBeNaN();
  });
});
