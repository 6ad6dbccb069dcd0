import { describe, expect, it } from "vitest";
import { createCalibrator, sizeHold } from "../../src/money/index.js";
import { seededRng } from "../../src/testing/virtual-clock.js";
import type { Estimate, Usage } from "../../src/model/index.js";

const quote = (more: Partial<Estimate> = {}): Estimate => ({
  inTokens: 100,
  outTokens: 200,
  usdMicros: 1_000,
  varianceTokens: 0,
  varianceUsd: 0,
  confidence: 0.5,
  cancelsCleanly: false,
  assumptions: [],
  ...more,
});
const used = (factor: number, e = quote()): Usage => ({
  inTokens: e.inTokens,
  outTokens: Math.round(e.outTokens * factor),
  usdMicros: Math.round(e.usdMicros * factor),
});
const learn = (factor: number, n: number, c = createCalibrator(), task = "qa") => {
  for (let i = 0; i < n; i++) c.observe("a", task, { estimate: quote(), used: used(factor), cut: false });
  return c;
};

describe("calibrator", () => {
  it("takes an adapter at its word until it is known", () => {
    expect(createCalibrator().correct("a", "qa", quote())).toMatchObject(quote());
    const told = quote({ p95Tokens: 400 });
    expect(createCalibrator().correct("a", "qa", told)).toBe(told);
  });

  it.each([2, 0.5, 1])("learns that calls cost %d times the quote, and leaves what is right alone", (factor) => {
    const e = learn(factor, 100).correct("a", "qa", quote());
    expect(e.outTokens / (200 * factor)).toBeCloseTo(1, 1);
    expect(e.usdMicros / (1_000 * factor)).toBeCloseTo(1, 1);
    expect(e.inTokens).toBe(100);
  });

  it("one call hardly counts, and one outlier among many does not decide", () => {
    expect(learn(10, 1).correct("a", "qa", quote()).outTokens).toBeLessThan(400);
    const c = learn(1, 60);
    learn(1e6, 1, c);
    expect(c.correct("a", "qa", quote()).outTokens).toBeLessThan(230);
  });

  it("a new task leans on what is known of its adapter; another adapter is not judged by it", () => {
    const c = learn(2, 100);
    expect(c.correct("a", "new", quote()).outTokens).toBeGreaterThan(350);
    expect(c.correct("b", "qa", quote())).toMatchObject(quote());
  });

  it("forgets: after a change the new cost is what counts", () => {
    const c = learn(3, 200);
    learn(1, 200, c);
    expect(c.correct("a", "qa", quote()).outTokens).toBeLessThan(220);
  });

  it("a call that was cut says only that it would have cost at least so much", () => {
    const c = learn(1, 50);
    for (let i = 0; i < 50; i++) c.observe("a", "qa", { estimate: quote(), used: used(0.1), cut: true });
    expect(c.correct("a", "qa", quote()).outTokens).toBeGreaterThanOrEqual(195);
    for (let i = 0; i < 50; i++) c.observe("a", "qa", { estimate: quote(), used: used(2), cut: true });
    expect(c.correct("a", "qa", quote()).outTokens).toBeGreaterThan(280);
  });

  it("corrects a quote of nothing", () => {
    const c = createCalibrator();
    const nothing = quote({ inTokens: 0, outTokens: 0, usdMicros: 0 });
    for (let i = 0; i < 200; i++)
      c.observe("a", "qa", { estimate: nothing, used: { inTokens: 15, outTokens: 15, usdMicros: 15 }, cut: false });
    expect(c.correct("a", "qa", nothing).outTokens).toBeGreaterThan(10);
  });

  it("gives integers, whatever was seen", () => {
    const c = createCalibrator();
    const odd = quote({ outTokens: 3, p95Tokens: 107, p95UsdMicros: 1_300 });
    for (let i = 1; i < 40; i++)
      c.observe("a", "qa", { estimate: odd, used: { inTokens: i, outTokens: i * 3, usdMicros: i * 7 }, cut: false });
    const e = c.correct("a", "qa", odd);
    for (const n of [e.inTokens, e.outTokens, e.usdMicros, e.p95Tokens ?? -1, e.p95UsdMicros ?? -1])
      expect(Number.isSafeInteger(n) && n >= 0).toBe(true);
    expect(Number.isFinite(e.varianceTokens) && e.varianceTokens > 0).toBe(true);
  });

  it("remembers a bounded number of tasks, whatever clients call them", () => {
    const c = createCalibrator();
    for (let i = 0; i < 5_000; i++) c.observe("a", `task-${i}`, { estimate: quote(), used: used(2), cut: false });
    expect(c.correction("a", "task-0").calls).toBe(0);
    expect(c.correction("a", "task-4999").calls).toBe(1);
  });

  it("A7.2 gives the 95th percentile of what it saw, and where the clip equals the hold never less than the quote", () => {
    const rng = seededRng(5);
    const c = createCalibrator();
    for (let i = 0; i < 500; i++)
      c.observe("a", "qa", { estimate: quote(), used: used(0.2 + (0.2 * rng.u32()) / 2 ** 32), cut: false });
    const clean = c.correct("a", "qa", quote({ cancelsCleanly: true }));
    // Costs are 0.2 to 0.4 of the quote: 40 to 80 tokens.
    expect(clean.p95Tokens).toBeGreaterThanOrEqual(100 + 76);
    expect(clean.p95Tokens).toBeLessThan(100 + 100);
    expect(c.correct("a", "qa", quote()).p95Tokens).toBe(100 + 200);
    expect(c.correct("a", "qa", quote()).p95UsdMicros).toBe(1_000);
    expect(c.correct("a", "qa", quote()).outTokens).toBeLessThan(70);
  });

  it("A7.2 after calls that scatter by sigma 0.5 around twice the quote, few exceed a gold hold, and it is not far above need", () => {
    const rng = seededRng(7);
    const normal = (): number => {
      const u = (rng.u32() + 1) / 2 ** 32;
      return Math.sqrt(-2 * Math.log(u)) * Math.cos((2 * Math.PI * rng.u32()) / 2 ** 32);
    };
    const c = createCalibrator();
    let over = 0;
    let held = 0;
    let spent = 0;
    for (let i = 0; i < 2_000; i++) {
      const actual = used(2 * Math.exp(0.5 * normal()));
      const { roomyTokens: _, ...estimate } = c.correct("a", "qa", quote());
      const size = sizeHold({ estimate, qos: "gold", left: {} });
      if (size.ok && i >= 100) {
        if (actual.outTokens > size.maxOutputTokens) over++;
        held += size.maxOutputTokens;
        spent += actual.outTokens;
      }
      c.observe("a", "qa", { estimate: quote(), used: actual, cut: false });
    }
    expect(over / 1_900).toBeLessThan(0.12);
    expect(held / spent).toBeLessThan(2.2);
  });

  it("A7.2 a whole bill whose adapter tells a mean alone: four times it where there is room, then the longest call that was seen", () => {
    const roomyOf = (c = createCalibrator(), e = quote()): number | undefined => c.correct("a", "qa", e).roomyTokens;
    expect(roomyOf()).toBe(100 + 800);
    expect(roomyOf(learn(1, 100))).toBe(100 + 800);
    expect(roomyOf(learn(10, 1))).toBeGreaterThan(100 + 2_400);
    // Two generations of calls later an outlier is forgotten.
    const c = learn(3, 1);
    expect(roomyOf(learn(1, 200, c))).toBeGreaterThanOrEqual(100 + 3 * 200);
    expect(roomyOf(learn(1, 400, c))).toBeLessThan(100 + 1.3 * 200);
    // Who tells more is taken at its word, and who cancels cleanly is topped up.
    for (const more of [{ p95Tokens: 400 }, { varianceTokens: 9 }, { cancelsCleanly: true }, { outTokens: 0 }])
      expect(roomyOf(createCalibrator(), quote(more))).toBeUndefined();
  });
});
