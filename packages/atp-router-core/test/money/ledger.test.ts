import { describe, expect, it } from "vitest";
import { createLedger } from "../../src/money/index.js";
import type { Ledger } from "../../src/money/index.js";
import type { Amounts, BudgetRefusal, HoldScope, Limits } from "../../src/model/index.js";

const none: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };
const scope = (source: BudgetRefusal["limitSource"], limits: Limits): HoldScope => ({ source, key: source, limits });
const ask = (l: Ledger, hold: string, amounts: Partial<Amounts>, ...scopes: HoldScope[]) =>
  l.reserve({ hold, scopes, amounts: { ...none, ...amounts }, ttlMs: 1_000, at: 0 });

describe("ledger", () => {
  it.each<{ name: string; scopes: HoldScope[]; asked: Partial<Amounts>; refusal: Partial<BudgetRefusal> }>([
    {
      name: "what waiting does not free is told before what it does",
      scopes: [scope("stream", { parallel: 1 }), scope("tenant", { usdMicros: 5 })],
      asked: { parallel: 1, usdMicros: 10 },
      refusal: { limitSource: "tenant", dimension: "usdMicros", remedy: "shrink" },
    },
    {
      name: "a ceiling of 0 grants nothing, ever",
      scopes: [scope("stream", { tokens: 0 }), scope("tenant", { usdMicros: 5 })],
      asked: { tokens: 1, usdMicros: 10 },
      refusal: { limitSource: "stream", dimension: "tokens", limit: 0, remedy: "never" },
    },
    {
      name: "the inner scope is told when both are full",
      scopes: [scope("stream", { tokens: 5 }), scope("session", { tokens: 5 })],
      asked: { tokens: 10 },
      refusal: { limitSource: "stream", remedy: "shrink" },
    },
  ])("A7.7 $name", ({ scopes, asked, refusal }) => {
    const l = createLedger();
    ask(l, "running", { parallel: 1 }, ...scopes);
    expect(ask(l, "next", asked, ...scopes)).toMatchObject({ ok: false, refusal });
  });

  it("A7.7 tells to wait when all that is left is reserved, though the call asks for more than is left unspent", () => {
    const l = createLedger();
    const s = scope("stream", { tokens: 100 });
    ask(l, "a", { tokens: 100 }, s);
    expect(ask(l, "b", { tokens: 150 }, s)).toMatchObject({ refusal: { remedy: "wait" }, left: { tokens: 0 } });
  });

  it("A7.1 asks nothing of a dimension and is not refused by it, even when it is overdrawn", () => {
    const l = createLedger();
    const s = scope("stream", { tokens: 10, usdMicros: 10 });
    ask(l, "a", { tokens: 10 }, s);
    l.settle("a", { tokens: 50, usdMicros: 0 });
    expect(ask(l, "b", { usdMicros: 10 }, s)).toEqual({ ok: true });
  });

  it("A7.1 counts a scope once that is named twice", () => {
    const l = createLedger();
    const s = scope("stream", { tokens: 10 });
    expect(ask(l, "a", { tokens: 10 }, s, s)).toEqual({ ok: true });
    expect(l.read("stream")?.reserved.tokens).toBe(10);
    l.settle("a", { tokens: 10, usdMicros: 0 });
    expect(l.read("stream")).toMatchObject({ posted: { tokens: 10 }, reserved: { tokens: 0 } });
  });

  it.each([
    { used: NaN, posted: 10 },
    { used: Infinity, posted: 10 },
    { used: -5, posted: 0 },
    { used: 2.2, posted: 3 },
    { used: 1e300, posted: Number.MAX_SAFE_INTEGER },
  ])("A7.5 a bill of $used tokens on a hold of 10 posts $posted", ({ used, posted }) => {
    const l = createLedger();
    ask(l, "a", { tokens: 10 }, scope("tenant", {}));
    l.settle("a", { tokens: used, usdMicros: 0 });
    expect(l.read("tenant")?.posted.tokens).toBe(posted);
  });

  it("A7.1 an unlimited scope stops at what can be counted exactly", () => {
    const l = createLedger();
    const s = scope("tenant", {});
    expect(ask(l, "a", { tokens: Number.MAX_SAFE_INTEGER }, s)).toEqual({ ok: true });
    expect(ask(l, "b", { tokens: 1 }, s).ok).toBe(false);
    expect(l.read("tenant")?.limits).toEqual({});
  });

  it.each<[Limits, Limits]>([
    [{ tokens: NaN }, { tokens: 0 }],
    [{ tokens: -3 }, { tokens: 0 }],
    [{ tokens: 7.9 }, { tokens: 7 }],
    [{ tokens: Infinity }, {}],
  ])("A7.6 a ceiling of %j is kept as %j", (given, kept) => {
    const l = createLedger();
    l.setLimit("tenant", given);
    expect(l.read("tenant")?.limits).toEqual(kept);
  });

  it.each<[string, (l: Ledger) => boolean, boolean]>([
    ["a settle below its hold frees", (l) => l.settle("a", { tokens: 1, usdMicros: 0 }), true],
    [
      "a settle at its hold, with no parallel call, frees nothing",
      (l) => l.settle("a", { tokens: 10, usdMicros: 0 }),
      false,
    ],
    [
      "a second settle frees nothing",
      (l) => (l.settle("a", { tokens: 1, usdMicros: 0 }), l.settle("a", { tokens: 1, usdMicros: 0 })),
      false,
    ],
    ["a void frees", (l) => l.void("a"), true],
    ["a raised limit may admit", (l) => l.setLimit("tenant", { tokens: 101 }), true],
    ["a lowered limit does not", (l) => l.setLimit("tenant", { tokens: 99 }), false],
    ["a limit taken away may admit", (l) => l.setLimit("tenant", {}), true],
  ])("%s", (_, act, freed) => {
    const l = createLedger();
    ask(l, "a", { tokens: 10 }, scope("tenant", { tokens: 100 }));
    expect(act(l)).toBe(freed);
  });

  it("A7.6 keeps an ended stream's books until its last call is settled, and then forgets them", () => {
    const l = createLedger();
    ask(l, "a", { tokens: 10 }, scope("stream", {}), scope("tenant", {}));
    l.forget("stream");
    expect(l.read("stream")?.reserved.tokens).toBe(10);
    l.settle("a", { tokens: 4, usdMicros: 0 });
    expect(l.read("stream")).toBeUndefined();
    expect(l.read("tenant")?.posted.tokens).toBe(4);
  });

  it("its state is plain data: a copy goes its own way", () => {
    const l = createLedger();
    const s = scope("tenant", { tokens: 20 });
    ask(l, "a", { tokens: 10 }, s);
    const fork = createLedger(structuredClone(l.state));
    fork.settle("a", { tokens: 3, usdMicros: 0 });
    expect(fork.read("tenant")).toMatchObject({ posted: { tokens: 3 }, reserved: { tokens: 0 } });
    expect(l.read("tenant")).toMatchObject({ posted: { tokens: 0 }, reserved: { tokens: 10 } });
  });

  it("forgets old resolved ids, so that a router that runs for long does not grow", () => {
    const l = createLedger();
    const s = scope("tenant", {});
    for (let i = 0; i < 60_000; i++) {
      ask(l, `h${i}`, { tokens: 1 }, s);
      l.settle(`h${i}`, { tokens: 1, usdMicros: 0 });
    }
    expect(l.state.resolved.size + l.state.resolvedBefore.size).toBeLessThan(40_000);
    expect(ask(l, "h59999", { tokens: 1 }, s).ok).toBe(false);
  });
});
