import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tailsOf } from "../../src/model/index.js";
import type { HedgeConfig, OutlierConfig, RetryConfig } from "../../src/model/index.js";
import { createHedging, createRetryBudget } from "../../src/routing/index.js";
import { createOutliers } from "../../src/routing/outliers.js";

const defaults = tailsOf();
const hedge = defaults.hedge as HedgeConfig;
const retry = defaults.retry as RetryConfig;
const outliers = defaults.outliers as OutlierConfig;

describe("hedging", () => {
  const known = (ms: number, config: Partial<HedgeConfig> = {}) => {
    const hedging = createHedging({ ...hedge, ...config });
    for (let i = 0; i < 100; i++) hedging.began("a", ms, 0);
    return hedging;
  };

  it("waits for the quantile of the adapter's own times, and never less than the floor", () => {
    expect(known(800).sent("a", "gold", 0)).toBeGreaterThan(790);
    expect(known(3).sent("a", "gold", 0)).toBe(50);
    expect(known(800).sent("stranger", "gold", 0)).toBeUndefined();
  });

  it.each([
    ["bronze", {}, false],
    ["silver", {}, true],
    ["silver", { lanes: ["gold"] }, false],
  ] as const)("lane %s with %j: %s", (lane, config, is) => {
    expect(known(800, config as Partial<HedgeConfig>).sent("a", lane, 0) !== undefined).toBe(is);
  });

  it("second calls never pass their share of first ones, but for what was saved up", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (asks) => {
        const hedging = known(800);
        let first = 0;
        let second = 0;
        for (const isFirst of asks) {
          if (isFirst) {
            hedging.sent("a", "gold", 0);
            first++;
          } else if (hedging.take()) second++;
        }
        expect(second).toBeLessThanOrEqual(5 + hedge.share * first);
      }),
    );
  });
});

describe("retry budget", () => {
  const ask = { adapter: "a", again: true, nth: 0 };

  it("allows retries only while over half of the adapter's tokens are left", () => {
    const budget = createRetryBudget(retry);
    for (let i = 0; i < 4; i++) budget.failed("a");
    expect(budget.ask(ask, 0)).toBe(0);
    budget.failed("a");
    expect(budget.ask(ask, 0)).toBeNull();
    // Another adapter has its own.
    expect(budget.ask({ ...ask, adapter: "b", again: false }, 0)).toBe(0);
    budget.succeeded("a");
    expect(budget.ask(ask, 0)).toBe(0);
  });

  it("waits a random time of 0 to base * 2^n, what the adapter asks at least, and nothing to go elsewhere", () => {
    const budget = createRetryBudget(retry);
    const wait = (more: object, draw: number): number | null => budget.ask({ ...ask, ...more }, draw);
    expect([wait({}, 0), wait({}, 0.5), wait({ nth: 1 }, 0.5)]).toEqual([0, 50, 100]);
    expect(wait({ retryAfterMs: 700 }, 0.5)).toBe(700);
    expect(wait({ again: false }, 0.9)).toBe(0);
    expect(wait({ nth: 2 }, 0)).toBeNull();
    const patient = createRetryBudget({ ...retry, max: 20 });
    expect(patient.ask({ ...ask, nth: 12 }, 0.999)).toBeLessThan(2_000);
  });

  it("an outage adds next to nothing: half of the tokens, and the tenth that successes gave back", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 50, maxLength: 400 }), (outcomes) => {
        const budget = createRetryBudget(retry);
        let retries = 0;
        let successes = 0;
        let failures = 0;
        for (const ok of outcomes) {
          if (ok) {
            successes++;
            budget.succeeded("a");
            continue;
          }
          failures++;
          budget.failed("a");
          if (budget.ask(ask, 0.5) === null) continue;
          // The retry fails too.
          retries++;
          budget.failed("a");
        }
        expect(retries + failures === 0 || retries <= 5 + 0.1 * successes).toBe(true);
      }),
    );
  });
});

describe("outlier ejection", () => {
  const counted = (shares: readonly number[], calls: number) => {
    const o = createOutliers(outliers);
    o.sweep(0);
    const count = (): void => {
      shares.forEach((share, i) => {
        for (let n = 0; n < calls; n++) o.count(`a${i}`, n < share * calls);
      });
    };
    count();
    return { o, count };
  };

  it.each([
    { name: "one of ten far below the mean", shares: [0.4, ...Array<number>(9).fill(0.01)], calls: 100, out: ["a0"] },
    { name: "all alike", shares: Array<number>(10).fill(0.3), calls: 100, out: [] },
    { name: "too few calls", shares: [0.4, ...Array<number>(9).fill(0.01)], calls: 49, out: [] },
    { name: "three adapters: the mean says nothing of one", shares: [0.4, 0.01, 0.01], calls: 100, out: [] },
    { name: "three adapters: 85% failed", shares: [0.85, 0.01, 0.01], calls: 50, out: ["a0"] },
    { name: "never more than a tenth, but one", shares: [0.9, 0.9, 0.9], calls: 50, out: ["a0"] },
  ])("$name: $out", ({ shares, calls, out }) => {
    const { o } = counted(shares, calls);
    expect(o.sweep(9_999)).toEqual([]);
    expect(o.sweep(10_000).map(({ id }) => id)).toEqual(out);
  });

  it("each time in a row is longer, and intervals without make it shorter again", () => {
    const { o, count } = counted([1, 0, 0], 50);
    o.sweep(10_000);
    expect(o.ejectedUntil("a0", 10_000)).toBe(40_000);
    expect(o.ejectedUntil("a0", 40_000)).toBeUndefined();
    count();
    o.sweep(40_000);
    expect(o.ejectedUntil("a0", 40_000)).toBe(100_000);
    for (const at of [100_000, 110_000]) o.sweep(at);
    count();
    o.sweep(120_000);
    expect(o.ejectedUntil("a0", 120_000)).toBe(150_000);
  });
});
