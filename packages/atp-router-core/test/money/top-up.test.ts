import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLedger, meterOutput, newMeter, sizeFirstHold, sizeHold, slackOf, topUp } from "../../src/money/index.js";
import type { TopUpInput } from "../../src/money/index.js";
import type { Estimate } from "../../src/model/index.js";

const estimate: Estimate = {
  inTokens: 100,
  outTokens: 500,
  usdMicros: 1_000,
  varianceTokens: 0,
  varianceUsd: 0,
  confidence: 0.5,
  cancelsCleanly: true,
  assumptions: [],
};

describe("output meter", () => {
  it("A7.2 the slack is the output of the last 250 ms, and at least 16 tokens", () => {
    const m = newMeter(0);
    expect(slackOf(m, 0)).toBe(16);
    for (let at = 0; at < 1_000; at += 50) meterOutput(m, 20, at);
    // Five to six slots of 50 ms: never less than what the last 250 ms brought.
    expect(slackOf(m, 999)).toBeGreaterThanOrEqual(100);
    expect(slackOf(m, 999)).toBeLessThanOrEqual(120);
    expect(slackOf(m, 2_000)).toBe(16);
  });
});

describe("sizeFirstHold", () => {
  it.each([
    ["the 95th percentile that was quoted", { p95Tokens: 800 }, 700],
    ["1.645 standard deviations that were quoted", { varianceTokens: 10_000 }, 500 + 165],
    ["a usual error, where nothing is known of it", {}, 500 + 247],
  ])("A7.2 covers a chunk and the slack beyond %s; the clip is what the ceilings could grant", (_, more, probable) => {
    const left = { tokens: 10_000, usdMicros: 3_000 };
    expect(sizeFirstHold({ estimate: { ...estimate, ...more }, qos: "silver", left })).toEqual({
      ok: true,
      amounts: { parallel: 1, tokens: 100 + probable + 80, usdMicros: 2 * (probable + 80) },
      maxOutputTokens: 1_500,
    });
  });

  it("A7.2 an adapter that does not cancel cleanly has clip equal to hold", () => {
    const input = { estimate: { ...estimate, cancelsCleanly: false }, qos: "silver" as const, left: {} };
    expect(sizeFirstHold(input)).toEqual(sizeHold(input));
  });

  it("A7.7 refuses what could not even begin, and holds no more than was asked", () => {
    expect(sizeFirstHold({ estimate, qos: "gold", left: { tokens: 110 } })).toEqual({
      ok: false,
      dimension: "tokens",
      asked: 116,
    });
    expect(sizeFirstHold({ estimate, qos: "gold", left: { usdMicros: 10 } })).toEqual({
      ok: false,
      dimension: "usdMicros",
      asked: 32,
    });
    expect(sizeFirstHold({ estimate, qos: "gold", left: {}, askedOutputTokens: 30 })).toMatchObject({
      amounts: { tokens: 130 },
      maxOutputTokens: 30,
    });
  });
});

describe("topUp", () => {
  const held = { parallel: 1, tokens: 180, usdMicros: 160 };
  const at = (outTokens: number, more: Partial<TopUpInput> = {}): ReturnType<typeof topUp> =>
    topUp({
      estimate,
      held,
      used: { inTokens: 100, outTokens, usdMicros: outTokens * 2 },
      slackTokens: 16,
      maxOutputTokens: 1_500,
      extension: "none",
      ...more,
    });

  it.each<[string, ReturnType<typeof topUp>, object]>([
    ["goes on while more than half a chunk is ahead of the slack", at(31), { t: "go_on" }],
    [
      "asks at half a chunk, for a chunk and the slack",
      at(32),
      { t: "extend", more: { parallel: 0, tokens: 32, usdMicros: 64 } },
    ],
    ["does not ask twice", at(40, { extension: "asked" }), { t: "go_on" }],
    [
      "is cut when usage and slack reach the hold and the extension has not come",
      at(64, { extension: "asked" }),
      { t: "cancel", dimension: "tokens" },
    ],
    ["goes on after a refusal while the hold covers it", at(63, { extension: "refused" }), { t: "go_on" }],
    ["is cut when the hold is reached after a refusal", at(64, { extension: "refused" }), { t: "cancel" }],
    [
      "asks for less when less is left",
      at(40, { extension: "refused", left: { tokens: 20 } }),
      { t: "extend", more: { tokens: 20 } },
    ],
    ["does not ask for crumbs", at(40, { extension: "refused", left: { tokens: 15 } }), { t: "go_on" }],
    [
      "asks for what money is left",
      at(40, { extension: "refused", left: { usdMicros: 50 } }),
      { t: "extend", more: { usdMicros: 50 } },
    ],
    [
      "never asks beyond what the adapter was sent with",
      at(70, { maxOutputTokens: 90 }),
      { t: "extend", more: { tokens: 10 } },
    ],
    ["needs nothing when the hold covers all that can come", at(70, { maxOutputTokens: 80 }), { t: "go_on" }],
    [
      "a billed price above the quoted one is what is held for",
      at(32, { used: { inTokens: 100, outTokens: 32, usdMicros: 160 } }),
      { t: "extend", more: { usdMicros: 400 } },
    ],
    [
      "money that runs out before the tokens is what cuts",
      at(20, { used: { inTokens: 100, outTokens: 20, usdMicros: 155 }, extension: "refused" }),
      { t: "cancel", dimension: "usdMicros" },
    ],
    [
      "input that is not billed yet is counted",
      at(32, { used: { inTokens: 0, outTokens: 32, usdMicros: 64 } }),
      { t: "extend", more: { tokens: 32 } },
    ],
  ])("A7.2 %s", (_, got, want) => {
    expect(got).toMatchObject(want);
  });

  it("A7.2 A7.4 a stream that stops within its slack never spends over its window, and uses nearly all of it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 3_000 }),
        fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 400, maxLength: 400 }),
        (tokens, pieces) => {
          const ledger = createLedger();
          const scopes = [{ source: "stream" as const, key: "s", limits: { tokens } }];
          const first = sizeFirstHold({ estimate, qos: "silver", left: { tokens } });
          if (!first.ok) throw new Error("the window holds at least the input");
          expect(ledger.reserve({ hold: "h", scopes, amounts: first.amounts, ttlMs: 1_000, at: 0 }).ok).toBe(true);
          let hold = first.amounts;
          let out = 0;
          let attempt = 0;
          let state: Pick<TopUpInput, "extension" | "left"> = { extension: "none" };
          for (const piece of pieces) {
            if (out + piece > first.maxOutputTokens) break;
            out += piece;
            let act = topUp({
              estimate,
              held: hold,
              used: { inTokens: 100, outTokens: out, usdMicros: 0 },
              slackTokens: 16,
              maxOutputTokens: first.maxOutputTokens,
              ...state,
            });
            while (act.t === "extend") {
              const result = ledger.extend("h", ++attempt, act.more);
              if (result.ok) {
                hold = {
                  parallel: 1,
                  tokens: hold.tokens + act.more.tokens,
                  usdMicros: hold.usdMicros + act.more.usdMicros,
                };
                state = { extension: "none" };
              } else state = { extension: "refused", left: result.left };
              act = topUp({
                estimate,
                held: hold,
                used: { inTokens: 100, outTokens: out, usdMicros: 0 },
                slackTokens: 16,
                maxOutputTokens: first.maxOutputTokens,
                ...state,
              });
            }
            if (act.t === "cancel") break;
          }
          ledger.settle("h", { tokens: 100 + out, usdMicros: 0 });
          const spent = ledger.read("s")?.posted.tokens ?? 0;
          expect(spent).toBeLessThanOrEqual(tokens);
          if (pieces.reduce((n, p) => n + p, 0) > tokens) expect(spent).toBeGreaterThan(tokens - 64);
        },
      ),
    );
  });
});
