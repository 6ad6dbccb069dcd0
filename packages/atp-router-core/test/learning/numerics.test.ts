import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concaveHull, slope } from "../../src/learning/hull.js";
import { addOuter, cholesky, solve } from "../../src/learning/linear.js";
import { minimise } from "../../src/learning/minimise.js";
import { conjugateGradients } from "../../src/learning/prompt-choice.js";

describe("cholesky and solve", () => {
  it("find the ridge solution", () => {
    const row = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), row, (rows, truth) => {
        const gram = new Float64Array(16);
        for (const one of rows) addOuter(gram, 4, Float64Array.from(one), 0);
        const full = (i: number, j: number): number =>
          (gram[Math.max(i, j) * 4 + Math.min(i, j)] ?? 0) + (i === j ? 1 : 0);
        const b = Float64Array.from(truth, (_, i) => truth.reduce((sum, x, j) => sum + full(i, j) * x, 0));
        const found = solve(cholesky(gram, 4, 1), 4, b);
        truth.forEach((x, i) => {
          expect(found[i]).toBeCloseTo(x, 6);
        });
        const byGradients = conjugateGradients((v, out) => {
          for (let i = 0; i < 4; i++) out[i] = v.reduce((sum, x, j) => sum + full(i, j) * x, 0);
        }, b);
        truth.forEach((x, i) => {
          expect(byGradients[i]).toBeCloseTo(x, 2);
        });
      }),
      { numRuns: 50 },
    );
  });
});

describe("minimise", () => {
  it("finds the optimum of a badly scaled bowl", () => {
    const found = minimise(
      (x, gradient) => {
        let value = 0;
        x.forEach((xi, i) => {
          const scale = 10 ** i;
          value += 0.5 * scale * (xi - i) ** 2;
          gradient[i] = scale * (xi - i);
        });
        return value;
      },
      new Float64Array(4),
      200,
      1e-14,
    );
    found.forEach((x, i) => {
      expect(x).toBeCloseTo(i, 4);
    });
  });

  it("never ends above where it began", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 2, maxLength: 2 }), (start) => {
        const cost = (x: ArrayLike<number>): number =>
          Math.log(Math.exp(x[0] ?? 0) + Math.exp(-(x[0] ?? 0))) + (x[1] ?? 0) ** 4;
        const found = minimise(
          (x, gradient) => {
            gradient[0] = Math.tanh(x[0] ?? 0);
            gradient[1] = 4 * (x[1] ?? 0) ** 3;
            return cost(x);
          },
          Float64Array.from(start),
          50,
        );
        expect(cost(found)).toBeLessThanOrEqual(cost(start) + 1e-12);
      }),
      { numRuns: 30 },
    );
  });
});

describe("concaveHull", () => {
  const point = fc.record({
    usdMicros: fc.double({ min: 0, max: 100, noNaN: true }),
    accuracy: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  it("is concave, rising, and nothing lies above it", () => {
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 12 }), (points) => {
        const hull = concaveHull(points);
        expect(hull.length).toBeGreaterThan(0);
        for (let i = 2; i < hull.length; i++) {
          const [a, b, c] = hull.slice(i - 2, i + 1);
          if (a === undefined || b === undefined || c === undefined) continue;
          expect(slope(a, b)).toBeGreaterThan(slope(b, c));
        }
        for (const p of points) {
          const above = hull.findIndex(({ usdMicros }) => usdMicros >= p.usdMicros);
          const high = hull[above < 0 ? hull.length - 1 : above];
          const low = above > 0 ? hull[above - 1] : high;
          if (high === undefined || low === undefined) continue;
          const at =
            high === low || above < 0 ? high.accuracy : low.accuracy + slope(low, high) * (p.usdMicros - low.usdMicros);
          expect(p.accuracy).toBeLessThanOrEqual(at + 1e-9);
        }
      }),
      { numRuns: 100 },
    );
  });
});
