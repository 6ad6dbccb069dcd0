import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPriorityCut } from "../../src/lanes/index.js";
import type { PriorityCut, Signals } from "../../src/lanes/index.js";
import type { Lane } from "../../src/model/index.js";

const calm: Signals = { lagMs: 0 };
const late: Signals = { lagMs: 80 };
const lanes: readonly Lane[] = ["gold", "silver", "bronze"];

/** A second of even load from so many tenants in each lane, looked at four times; how much of each lane came in. */
function second(cut: PriorityCut, at: number, signals: Signals, tenants = 64): Record<Lane, number> {
  const taken = { gold: 0, silver: 0, bronze: 0 };
  for (let quarter = 0; quarter < 4; quarter++) {
    cut.sense(signals, at + quarter * 250);
    for (let i = quarter; i < tenants; i += 4)
      for (const lane of lanes) if (cut.admits(lane, `t${i}`, at + quarter * 250 + 1)) taken[lane] += 1 / tenants;
  }
  return taken;
}

describe("the priority cut", () => {
  it("lets all in while the router is well, and after a single long pause", () => {
    const cut = createPriorityCut(1);
    for (let at = 0; at < 5_000; at += 1_000) expect(second(cut, at, calm)).toEqual({ gold: 1, silver: 1, bronze: 1 });
    cut.sense(late, 5_000);
    expect(cut.overloaded).toBe(false);
    expect(second(cut, 5_001, calm).bronze).toBe(1);
  });

  it.each<[string, Signals]>([
    ["timers are late", late],
    ["memory is nearly used up", { lagMs: 0, memory: 0.9 }],
  ])("cuts bronze first, then silver, gold last while %s", (_, signals) => {
    const cut = createPriorityCut(1);
    let before = { gold: 1, silver: 1, bronze: 1 };
    let bronzeWasCut = false;
    for (let at = 0; at < 40_000; at += 1_000) {
      const now = second(cut, at, signals);
      bronzeWasCut ||= now.bronze < 0.9;
      // A lane is touched only once the lane below it is as good as shut out.
      if (now.silver < 0.9) expect(now.bronze).toBeLessThan(0.1);
      if (now.gold < 0.9) expect(now.silver).toBeLessThan(0.1);
      before = now;
    }
    expect(bronzeWasCut).toBe(true);
    expect(before.bronze).toBeLessThan(0.1);
  });

  it("takes a twentieth of what it let in away each second, and gives a hundredth of what comes back", () => {
    const cut = createPriorityCut(1);
    second(cut, 0, late);
    second(cut, 1_000, late);
    second(cut, 2_000, late);
    expect(cut.share).toBeGreaterThan(0.85);
    expect(cut.share).toBeLessThan(1);
    for (let at = 3_000; at < 15_000; at += 1_000) second(cut, at, late);
    // It is well once two of its last four looks say so.
    second(cut, 15_000, calm);
    second(cut, 16_000, calm);
    const low = cut.share;
    for (let at = 17_000; at < 27_000; at += 1_000) second(cut, at, calm);
    expect(cut.share - low).toBeGreaterThan(0.045);
    expect(cut.share - low).toBeLessThan(0.15);
    for (let at = 27_000; at < 140_000; at += 1_000) second(cut, at, calm);
    expect(second(cut, 140_000, calm)).toEqual({ gold: 1, silver: 1, bronze: 1 });
  });

  it("cuts the same tenants for an hour, then others, and other ones at another router", () => {
    const cutIn = (seed: number, hour: number): string[] => {
      const cut = createPriorityCut(seed);
      const start = hour * 3_600_000;
      for (let at = 0; at < 4_000; at += 1_000) second(cut, start + at, late);
      return Array.from({ length: 64 }, (_, i) => `t${i}`).filter((t) => !cut.admits("bronze", t, start + 4_001));
    };
    expect(cutIn(1, 5).length).toBeGreaterThan(5);
    expect(cutIn(1, 5)).toEqual(cutIn(1, 5));
    expect(cutIn(1, 5)).not.toEqual(cutIn(1, 6));
    expect(cutIn(1, 5)).not.toEqual(cutIn(2, 5));
  });

  it("never lets a lower lane in where it refuses a higher one of the same tenant, whatever comes", () => {
    const step = fc.record({ tenant: fc.integer({ min: 0, max: 20 }), bad: fc.boolean(), afterMs: fc.nat(400) });
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { minLength: 50, maxLength: 400 }), (seed, steps) => {
        const cut = createPriorityCut(seed);
        let at = 0;
        for (const { tenant, bad, afterMs } of steps) {
          at += afterMs;
          cut.sense(bad ? late : calm, at);
          const [gold, , bronze] = lanes.map((lane) => cut.admits(lane, `t${tenant}`, at));
          if (gold === false && bronze === true) return false;
        }
        return true;
      }),
    );
  });
});
