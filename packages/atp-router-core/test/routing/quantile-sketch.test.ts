import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createQuantileSketch } from "../../src/routing/quantile-sketch.js";

describe("quantile sketch", () => {
  it("is within 1% of the exact quantile, whatever was added", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.2, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0.5, max: 0.99, noNaN: true }),
        (values, q) => {
          const sketch = createQuantileSketch();
          for (const value of values) sketch.add(value, 0);
          const exact = [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? 0;
          const told = sketch.quantile(q, 1, 0) ?? 0;
          expect(Math.abs(told - exact)).toBeLessThanOrEqual(0.0101 * exact);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("says nothing of too few", () => {
    const sketch = createQuantileSketch();
    for (let i = 0; i < 19; i++) sketch.add(5, 0);
    expect(sketch.quantile(0.9, 20, 0)).toBeUndefined();
    sketch.add(5, 0);
    expect(sketch.quantile(0.9, 20, 0)).toBeCloseTo(5, 0);
  });

  it("forgets what is older than two windows, and keeps what it knows of a quiet adapter", () => {
    const sketch = createQuantileSketch(1_000);
    const fill = (ms: number, at: number): void => {
      for (let i = 0; i < 100; i++) sketch.add(ms, at);
    };
    fill(10, 0);
    fill(1_000, 1_000);
    expect(sketch.quantile(0.25, 1, 1_500)).toBeCloseTo(10, 0);
    fill(1_000, 2_000);
    expect(sketch.quantile(0.25, 1, 2_500)).toBeGreaterThan(980);
    expect(sketch.quantile(0.25, 1, 9_000_000)).toBeGreaterThan(980);
  });
});
