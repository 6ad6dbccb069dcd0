import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calendarPeriod, createLedger, createSlidingBudget, tenantScope } from "../../src/money/index.js";

const at = (text: string): number => Date.parse(text);

describe("calendar periods", () => {
  it.each([
    ["hour", "2026-11-23T14:59:59.999Z", "2026-11-23T14", "2026-11-23T14:00:00Z", "2026-11-23T15:00:00Z"],
    ["day", "2026-11-23T23:59:59.999Z", "2026-11-23", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"],
    ["month", "2026-12-31T23:59:59Z", "2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["month", "2028-02-29T00:00:00Z", "2028-02", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
  ] as const)("%s of %s is %s", (kind, time, name, startsAt, endsAt) => {
    expect(calendarPeriod(kind, at(time))).toEqual({ name, startsAt: at(startsAt), endsAt: at(endsAt) });
  });

  it("a new period is a new scope; a sliding budget and one without a period keep theirs", () => {
    const noon = at("2026-11-23T12:00:00Z");
    expect(tenantScope("acme", "day", noon)).toBe("tenant:acme@2026-11-23");
    expect(tenantScope("acme", "day", noon + 86_400_000)).toBe("tenant:acme@2026-11-24");
    expect(tenantScope("acme", { slidingMs: 1_000 }, noon)).toBe("tenant:acme");
    expect(tenantScope("acme", undefined, noon)).toBe("tenant:acme");
  });
});

describe("sliding budget", () => {
  it("what was spent is free again when the window has passed it", () => {
    const b = createSlidingBudget({ limits: { tokens: 100, parallel: 3 }, slidingMs: 1_000, steps: 10 });
    const posted = (tokens: number) => ({ parallel: 0, tokens, usdMicros: 0 });
    expect(b.limitsAt(posted(0), 0)).toEqual({ parallel: 3, tokens: 100 });
    expect(b.nextRiseAt()).toBeNull();
    expect(b.limitsAt(posted(80), 100).tokens).toBe(100);
    expect(b.nextRiseAt()).toBe(1_100);
    expect(b.limitsAt(posted(80), 1_099).tokens).toBe(100);
    expect(b.limitsAt(posted(80), 1_100).tokens).toBe(180);
    expect(b.nextRiseAt()).toBeNull();
  });

  it("refuses a window of nothing", () => {
    expect(() => createSlidingBudget({ limits: {}, slidingMs: 0 })).toThrow(RangeError);
    expect(() => createSlidingBudget({ limits: {}, slidingMs: NaN })).toThrow(RangeError);
  });

  it("A7.1 in no window of that length is more posted than the budget, and with time all of it is free again", () => {
    const call = fc.record({
      afterMs: fc.integer({ min: 0, max: 120 }),
      asked: fc.integer({ min: 1, max: 60 }),
      usedShare: fc.double({ min: 0, max: 1, noNaN: true }),
      runsMs: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 80 }), fc.integer({ min: 1, max: 20 }), (calls, steps) => {
        const LIMIT = 100;
        const WINDOW = 1_000;
        const ledger = createLedger();
        const budget = createSlidingBudget({ limits: { tokens: LIMIT }, slidingMs: WINDOW, steps });
        const spent: { at: number; tokens: number }[] = [];
        const running: { hold: string; until: number; tokens: number }[] = [];
        const look = (now: number): void => {
          const posted = ledger.read("t")?.posted ?? { parallel: 0, tokens: 0, usdMicros: 0 };
          ledger.setLimit("t", budget.limitsAt(posted, now));
        };
        const settleUpTo = (now: number): void => {
          running.sort((a, b) => a.until - b.until);
          while (running[0] !== undefined && running[0].until <= now) {
            const { hold, until, tokens } = running.shift() as (typeof running)[number];
            ledger.settle(hold, { tokens, usdMicros: 0 });
            spent.push({ at: until, tokens });
            look(until);
          }
        };
        let now = 0;
        calls.forEach(({ afterMs, asked, usedShare, runsMs }, i) => {
          now += afterMs;
          settleUpTo(now);
          look(now);
          const hold = `h${i}`;
          const scopes = [{ source: "tenant" as const, key: "t", limits: { tokens: LIMIT } }];
          if (
            ledger.reserve({ hold, scopes, amounts: { parallel: 1, tokens: asked, usdMicros: 0 }, ttlMs: 1e6, at: now })
              .ok
          )
            running.push({ hold, until: now + runsMs, tokens: Math.floor(asked * usedShare) });
        });
        settleUpTo(Infinity);
        for (const { at: end } of spent) {
          const within = spent.filter((s) => s.at > end - WINDOW && s.at <= end).reduce((n, s) => n + s.tokens, 0);
          expect(within).toBeLessThanOrEqual(LIMIT);
        }
        const later = now + 300 + 3 * WINDOW;
        look(later - 2 * WINDOW);
        look(later);
        const { posted, limits } = ledger.read("t") ?? { posted: { tokens: 0 }, limits: { tokens: LIMIT } };
        expect((limits.tokens ?? 0) - posted.tokens).toBe(LIMIT);
      }),
    );
  });
});
