import { describe, expect, it } from "vitest";
import { createConcurrencyLimit } from "../../src/lanes/index.js";
import type { ConcurrencyLimit } from "../../src/lanes/index.js";

/** Seconds of ten calls each, that begin after so long at so long a prompt, while `running` run. */
function seconds(limit: ConcurrencyLimit, from: number, count: number, firstMs: number, inTokens = 100, running = 64) {
  for (let second = from; second < from + count; second++)
    for (let i = 0; i <= 10; i++) limit.began(firstMs, inTokens, running, second * 1_000 + i * 100);
  return limit.value;
}

describe("an adapter's learned limit", () => {
  it("is what it was given while calls begin as they always did", () => {
    expect(seconds(createConcurrencyLimit({ max: 64 }), 0, 60, 200)).toBe(64);
  });

  it("shrinks when calls begin late, and grows again when they do not", () => {
    const limit = createConcurrencyLimit({ max: 64 });
    seconds(limit, 0, 20, 200);
    const slow = seconds(limit, 20, 15, 1_200);
    expect(slow).toBeLessThan(40);
    expect(slow).toBeGreaterThanOrEqual(4);
    expect(seconds(limit, 35, 60, 200)).toBe(64);
  });

  it("knows that longer prompts begin later: the time counts by input token", () => {
    const limit = createConcurrencyLimit({ max: 64 });
    seconds(limit, 0, 20, 200, 500);
    expect(seconds(limit, 20, 15, 200 * 10, (500 + 256) * 10 - 256)).toBe(64);
  });

  it("does not grow while half of it is unused: nothing is known of a larger one", () => {
    const limit = createConcurrencyLimit({ max: 64 });
    seconds(limit, 0, 20, 200);
    const small = seconds(limit, 20, 15, 1_200);
    expect(seconds(limit, 35, 20, 200, 100, 2)).toBe(small);
  });

  it("takes a 429 for the edge of its capacity: a tenth less than what ran, once a second", () => {
    const limit = createConcurrencyLimit({ max: 64 });
    expect(limit.full(30, 0)).toBe(true);
    expect(limit.value).toBe(27);
    expect(limit.full(20, 500)).toBe(false);
    expect(limit.full(20, 1_500)).toBe(true);
    expect(limit.value).toBe(18);
  });

  it.each([
    [{ max: 2 }, 2],
    [{ max: 0 }, 1],
    [{ max: 100, min: 10 }, 10],
    [{ max: 100 }, 4],
  ])("stays in its bounds: %o never under %i", (bounds, least) => {
    const limit = createConcurrencyLimit(bounds);
    for (let at = 0; at < 60_000; at += 1_000) limit.full(1, at);
    expect(limit.value).toBe(least);
  });
});
