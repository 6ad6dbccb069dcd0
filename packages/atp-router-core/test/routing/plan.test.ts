import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planRoute } from "../../src/routing/index.js";
import type { PlanInput } from "../../src/routing/index.js";
import type { Candidate, Plan } from "../../src/model/index.js";
import { candidate, failing, quote, task } from "./fixtures.js";

const cheap = candidate("cheap", { usdMicros: 100, confidence: 0.5 });
const middle = candidate("middle", { usdMicros: 1_000, confidence: 0.8 });
const dear = candidate("dear", { usdMicros: 9_000, confidence: 0.9 });
const all = [dear, cheap, middle];

function ask(more: Partial<PlanInput> = {}) {
  return planRoute({ task: task(), qos: "silver", strategy: "auto", candidates: all, left: {}, ...more });
}
function plan(more: Partial<PlanInput> = {}): Plan {
  const result = ask(more);
  if (!result.ok) throw new Error(result.message);
  return result.plan;
}
const rungs = (p: Plan): string[][] => p.rungs.map((rung) => rung.map((c) => c.adapter.name));
const reasons = (p: Plan): Record<string, string> => Object.fromEntries(p.excluded.map((e) => [e.adapter, e.reason]));

describe("planRoute: strategies", () => {
  it.each<{ name: string; input: Partial<PlanInput>; want: string[][]; stop: object; failoverOnly?: boolean }>([
    {
      name: "cascade asks the cheapest first, then one at a time",
      input: { strategy: "cascade" },
      want: [["cheap"], ["middle"], ["dear"]],
      stop: { minConfidence: 0.7, minAgreement: 0.6, eager: false },
    },
    {
      name: "auto is a cascade with agreement",
      input: { strategy: "auto" },
      want: [["cheap"], ["middle"], ["dear"]],
      stop: { minConfidence: 0.7, minAgreement: 0.6, eager: false },
    },
    {
      name: "single asks the best for its price, the others stand in",
      input: { strategy: "single" },
      want: [["middle"], ["cheap"], ["dear"]],
      stop: { eager: false },
      failoverOnly: true,
    },
    {
      name: "single in gold pays more for being surer",
      input: { strategy: "single", qos: "gold" },
      want: [["dear"], ["middle"], ["cheap"]].slice(0, 3),
      stop: { eager: false },
      failoverOnly: true,
    },
    {
      name: "single in bronze pays less",
      input: { strategy: "single", qos: "bronze" },
      want: [["middle"], ["cheap"], ["dear"]],
      stop: { eager: false },
      failoverOnly: true,
    },
    {
      name: "race asks all at once and looks at each answer",
      input: { strategy: "race" },
      want: [["cheap", "middle", "dear"]],
      stop: { minConfidence: 0.7, eager: true },
    },
    {
      name: "fanout asks all and waits for all",
      input: { strategy: "fanout" },
      want: [["cheap", "middle", "dear"]],
      stop: { eager: false },
    },
    {
      name: "quorum asks the k cheapest, then one more at a time",
      input: { strategy: "quorum" },
      want: [["cheap", "middle"], ["dear"]],
      stop: { quorum: 2, eager: true },
    },
    {
      name: "a policy's quorum wins over the strategy",
      input: { strategy: "single", quorum: 3 },
      want: [["cheap", "middle", "dear"]],
      stop: { quorum: 3, eager: true },
    },
    {
      name: "a route's quorum counts",
      input: { strategy: "quorum", route: { match: {}, quorum: 3 } },
      want: [["cheap", "middle", "dear"]],
      stop: { quorum: 3 },
    },
    {
      name: "clones ask the best three times",
      input: { strategy: "clones" },
      want: [["middle", "middle", "middle"], ["cheap"], ["dear"]],
      stop: { eager: false },
      failoverOnly: true,
    },
    {
      name: "clones ask as often as the task says",
      input: { strategy: "clones", task: task({ content: { prompt: "x", samples: 2 } }) },
      want: [["middle", "middle"], ["cheap"], ["dear"]],
      stop: {},
    },
    {
      name: "a route's thresholds count",
      input: { route: { match: {}, minConfidence: 0.9, minAgreement: 0.8 } },
      want: [["cheap"], ["middle"], ["dear"]],
      stop: { minConfidence: 0.9, minAgreement: 0.8 },
    },
    {
      name: "a route's order of adapters is the order of asking",
      input: { strategy: "cascade", route: { match: {}, adapters: ["dear", "cheap"] } },
      want: [["dear"], ["cheap"]],
      stop: {},
    },
    {
      name: "a route's first adapter is the single one",
      input: { strategy: "single", route: { match: {}, adapters: ["cheap", "dear"] } },
      want: [["cheap"], ["dear"]],
      stop: {},
    },
  ])("$name", ({ input, want, stop, failoverOnly }) => {
    const p = plan(input);
    expect(rungs(p)).toEqual(want);
    expect(p.stop).toMatchObject(stop);
    if (failoverOnly !== undefined) expect(p.failoverOnly).toBe(failoverOnly);
    expect(p.why.length).toBeGreaterThan(0);
  });

  it("numbers clones, and never makes more than 16", () => {
    const p = plan({ strategy: "clones", task: task({ content: { prompt: "x", samples: 1_000 } }) });
    expect(p.rungs[0]?.map((c) => c.sample)).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  it("equal cost goes by confidence, then by name; a busy adapter comes last", () => {
    const p = plan({
      strategy: "fanout",
      candidates: [
        candidate("b"),
        candidate("a"),
        candidate("sure", { confidence: 0.9 }),
        candidate("busy", { usdMicros: 1 }, { status: "BUSY" }),
      ],
    });
    expect(rungs(p)).toEqual([["sure", "a", "b", "busy"]]);
  });

  it("tells what the first rung is expected to cost, and what all would", () => {
    const p = plan({ strategy: "cascade" });
    expect(p.expected).toEqual({ tokens: 150, usdMicros: 100 });
    expect(p.worst.usdMicros).toBe(100 + 1_000 + 9_000);
  });

  it("tells before anything is spent that a quorum cannot be reached", () => {
    const p = plan({ strategy: "quorum", candidates: [cheap], quorum: 2 });
    expect(p.why.join(" ")).toMatch(/Only 1 of the 2/);
  });
});

describe("planRoute: the hard filter", () => {
  const tagged = (name: string, tags: string[]): Candidate => candidate(name, {}, { info: { id: name, name, tags } });

  it("names each adapter that is left out, with the reason", () => {
    const p = plan({
      candidates: [
        tagged("good", ["eu", "gdpr"]),
        tagged("untagged", ["eu"]),
        tagged("unnamed", ["eu", "gdpr"]),
        { ...tagged("late", ["eu", "gdpr"]), failure: { kind: "timeout", message: "took too long", sent: true } },
        { ...tagged("odd", ["eu", "gdpr"]), estimate: quote({ usdMicros: NaN }) },
        { ...tagged("paused", ["eu", "gdpr"]), status: "PAUSE" },
        {
          ...tagged("small", ["eu", "gdpr"]),
          info: { id: "small", name: "small", tags: ["eu", "gdpr"], contextTokens: 110 },
        },
      ],
      route: { match: {}, adapters: ["good", "untagged", "late", "odd", "paused", "small"], tags: ["eu"] },
      requireTags: ["gdpr"],
    });
    expect(rungs(p)).toEqual([["good"]]);
    expect(reasons(p)).toEqual({
      untagged: "tags",
      unnamed: "route",
      late: "estimate",
      odd: "estimate",
      paused: "status",
      small: "context",
    });
  });

  it.each<[string, Partial<ReturnType<typeof quote>>]>([
    ["B.10 NaN", { usdMicros: NaN }],
    ["B.10 infinity", { outTokens: Infinity }],
    ["B.10 a negative number", { inTokens: -1 }],
    ["B.10 a fraction", { outTokens: 1.5 }],
    ["B.10 a number beyond 2^53", { usdMicros: 2 ** 60 }],
    ["B.10 a negative variance", { varianceTokens: -1 }],
    ["B.4 a confidence above 1", { confidence: 1.5 }],
    ["B.4 a confidence that is no number", { confidence: NaN }],
  ])("skips an estimate with %s", (_, bad) => {
    expect(reasons(plan({ candidates: [cheap, candidate("odd", bad)] }))).toEqual({ odd: "estimate" });
  });

  it("asks an adapter that is DOWN only when all are, and it quotes all the same", () => {
    const down = { status: "DOWN" as const };
    expect(rungs(plan({ candidates: [candidate("a", {}, down), candidate("b")] }))).toEqual([["b"]]);
    expect(rungs(plan({ candidates: [candidate("a", {}, down), failing("b", "unavailable", down)] }))).toEqual([["a"]]);
  });

  it("the context caps the clip", () => {
    const p = plan({
      candidates: [candidate("a", {}, { info: { id: "a", name: "a", tags: [], contextTokens: 130 } })],
    });
    expect(p.rungs[0]?.[0]?.maxOutputTokens).toBe(30);
  });

  it.each<{ name: string; candidates: Candidate[]; input?: Partial<PlanInput>; code: string; says: RegExp }>([
    { name: "no adapter at all", candidates: [], code: "EAGENTDOWN", says: /ADAPTER_ENDPOINTS/ },
    {
      name: "all unreachable",
      candidates: [failing("a", "unavailable"), failing("b", "timeout")],
      code: "EAGENTDOWN",
      says: /a: is unavailable; b: is timeout/,
    },
    {
      name: "one lacks a tag, the other is not reached",
      candidates: [failing("a", "unavailable"), cheap],
      input: { requireTags: [], route: { match: {}, adapters: ["a"] } },
      code: "EAGENTDOWN",
      says: /a: is unavailable/,
    },
    {
      name: "all draining",
      candidates: [{ info: cheap.info, status: "DRAINING" }],
      code: "EAGENTDOWN",
      says: /DRAINING/,
    },
    {
      name: "all refuse the task for good",
      candidates: [failing("a", "rejected")],
      code: "ENOROUTE",
      says: /a: is rejected/,
    },
    {
      name: "none has the tag",
      candidates: [cheap],
      input: { requireTags: ["eu"] },
      code: "ENOROUTE",
      says: /lacks the tag eu/,
    },
    {
      name: "none has the context",
      candidates: [candidate("a", {}, { info: { id: "a", name: "a", tags: [], contextTokens: 100 } })],
      code: "ENOROUTE",
      says: /context holds 100/,
    },
  ])("A12: $name is $code", ({ candidates, input, code, says }) => {
    const result = ask({ candidates, ...input });
    expect(result).toMatchObject({ ok: false, code });
    if (!result.ok) expect(result.message).toMatch(says);
  });
});

describe("planRoute: budgets", () => {
  it.each<{ name: string; left: PlanInput["left"]; details: object; bound: string }>([
    {
      name: "tokens",
      left: { tokens: 100 },
      details: { dimension: "max_tokens", left: 100, asked: 116, remedy: "raise" },
      bound: "tokens",
    },
    {
      name: "micro-dollars",
      left: { usdMicros: 20 },
      details: { dimension: "max_usd_micros", left: 20, asked: 32, remedy: "raise" },
      bound: "usdMicros",
    },
    {
      name: "a ceiling of 0 tokens",
      left: { tokens: 0 },
      details: { dimension: "max_tokens", left: 0, remedy: "never" },
      bound: "tokens",
    },
    { name: "an overdrawn window", left: { tokens: -10 }, details: { left: 0, remedy: "raise" }, bound: "tokens" },
    {
      name: "no parallel call",
      left: { parallel: 0 },
      details: { dimension: "max_parallel", asked: 1, remedy: "never" },
      bound: "parallel",
    },
  ])("A7.7 EBUDGET on $name", ({ left, details, bound }) => {
    expect(ask({ left })).toMatchObject({ ok: false, code: "EBUDGET", details, bound });
  });

  it("A7.3 an adapter that is too dear is left out, the others are asked", () => {
    const p = plan({ left: { usdMicros: 1_500 }, strategy: "fanout" });
    expect(rungs(p)).toEqual([["cheap", "middle"]]);
    expect(reasons(p)).toEqual({ dear: "budget" });
  });

  it("A7.3 the calls of a rung fit together: clips get shorter first, down to the expected answer", () => {
    const roomy = ["a", "b", "c"].map((name) => candidate(name, { p95Tokens: 400, usdMicros: 0 }));
    const p = plan({ candidates: roomy, strategy: "fanout", left: { tokens: 600 } });
    expect(p.rungs[0]).toHaveLength(3);
    const held = p.rungs[0]?.map((c) => c.hold.tokens) ?? [];
    expect(held.reduce((n, t) => n + t, 0)).toBeLessThanOrEqual(600);
    expect(Math.min(...held)).toBeGreaterThanOrEqual(195);
    expect(p.why.join(" ")).toMatch(/shorter clips/);
  });

  it("A7.3 then the dearest call is left out, and told", () => {
    const p = plan({ strategy: "fanout", left: { tokens: 310 } });
    expect(rungs(p)).toEqual([["cheap", "middle"]]);
    expect(reasons(p)).toEqual({ dear: "budget" });
    expect(p.why.join(" ")).toMatch(/Leaves dear out/);
  });

  it("A7.3 samples of one adapter are dropped without naming it as left out", () => {
    const p = plan({ candidates: [cheap], strategy: "clones", left: { tokens: 310 } });
    expect(p.rungs[0]?.map((c) => c.sample)).toEqual([0, 1]);
    expect(p.excluded).toEqual([]);
  });

  it("A7.3 a quorum keeps all its voters, with clips down to the shortest useful answer", () => {
    const p = plan({ strategy: "quorum", quorum: 2, candidates: [cheap, middle], left: { tokens: 240 } });
    expect(rungs(p)).toEqual([["cheap", "middle"]]);
    expect(p.rungs[0]?.every((c) => c.maxOutputTokens >= 16 && c.maxOutputTokens < 50)).toBe(true);
  });

  it("A7.2 every call of a plan has a clip that its hold covers, and the first rung fits what is left", () => {
    const anyCandidate = fc.record({
      usdMicros: fc.nat({ max: 5_000 }),
      outTokens: fc.nat({ max: 400 }),
      confidence: fc.double({ min: 0, max: 1, noNaN: true }),
      varianceTokens: fc.nat({ max: 10_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(anyCandidate, { minLength: 1, maxLength: 6 }),
        fc.constantFrom("single", "race", "cascade", "fanout", "clones", "auto"),
        fc.record({ tokens: fc.nat({ max: 3_000 }), usdMicros: fc.nat({ max: 20_000 }) }),
        (quotes, strategy, left) => {
          const candidates = quotes.map((q, i) => candidate(`a${i}`, q));
          const result = ask({ candidates, strategy, left });
          const names = new Set<string>();
          if (result.ok) {
            const [first = []] = result.plan.rungs;
            const total = first.reduce((n, c) => ({ t: n.t + c.hold.tokens, u: n.u + c.hold.usdMicros }), {
              t: 0,
              u: 0,
            });
            expect(total.t).toBeLessThanOrEqual(left.tokens);
            expect(total.u).toBeLessThanOrEqual(left.usdMicros);
            for (const c of result.plan.rungs.flat()) {
              names.add(c.adapter.name);
              expect(c.maxOutputTokens).toBeGreaterThanOrEqual(16);
              expect(c.hold).toMatchObject({ parallel: 1, tokens: c.estimate.inTokens + c.maxOutputTokens });
            }
            for (const e of result.plan.excluded) names.add(e.adapter);
            // Nothing is left out silently.
            expect(names.size).toBe(candidates.length);
            expect(ask({ candidates, strategy, left })).toEqual(result);
          } else expect(result.code).toBe("EBUDGET");
        },
      ),
    );
  });
});
