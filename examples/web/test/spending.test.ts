import { describe, expect, it } from "vitest";
import { callStates } from "../src/page/run/call-state.js";
import { spendingOf } from "../src/page/run/spending.js";
import { planOf } from "./plans.js";

const plan = planOf(["a", "b", "b#1"], ["c"]);

describe("what a run costs while it goes on", () => {
  it("is guessed by what was said, up to the quote, and held for those that go on", () => {
    const texts = { a: "x".repeat(160), b: "x".repeat(360) };
    const soFar = { support: ["b"], dissent: [] };
    const states = callStates(plan, texts, soFar, undefined, true);
    expect(Object.fromEntries(states)).toEqual({ a: "speaking", b: "agrees", "b#1": "waiting", c: "waiting" });
    const { calls, ...total } = spendingOf(plan, texts, states, undefined);
    expect(calls).toMatchObject([
      { slot: "a", inTokens: 10, outTokens: 40, usdMicros: 500 },
      { slot: "b", inTokens: 10, outTokens: 90, usdMicros: 1_000 },
    ]);
    expect(total).toEqual({
      tokens: 150,
      usdMicros: 1_500,
      held: { tokens: 150, usdMicros: 1_500 },
      isBilled: false,
    });
  });

  it("never falls as texts grow", () => {
    let before = -1;
    for (let chars = 0; chars < 2_000; chars += 7) {
      const texts = { a: "x".repeat(chars) };
      const { usdMicros } = spendingOf(plan, texts, callStates(plan, texts, undefined, undefined, true), undefined);
      expect(usdMicros).toBeGreaterThanOrEqual(before);
      before = usdMicros;
    }
  });

  it("is the router's bill once that is there", () => {
    const usage = {
      tokens: 7,
      usd: 9,
      latency_ms: 5,
      adapters: [{ name: "a", outcome: "ok", in_tokens: 3, out_tokens: 4, usd: 9 }],
    };
    const spent = spendingOf(plan, { a: "x".repeat(999) }, new Map(), usage as never);
    expect(spent).toMatchObject({ tokens: 7, usdMicros: 9, held: { tokens: 0, usdMicros: 0 }, isBilled: true });
    expect(spent.calls).toMatchObject([{ slot: "a", held: { usdMicros: 2_000 } }]);
  });

  it("is nothing before there is a plan", () => {
    expect(spendingOf(undefined, {}, new Map(), undefined)).toMatchObject({ calls: [], tokens: 0, usdMicros: 0 });
  });
});
