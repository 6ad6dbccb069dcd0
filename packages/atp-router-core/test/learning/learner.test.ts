import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  brierScore,
  calibrated,
  calibrationError,
  learnLabel,
  newCalibrator,
  trusted,
} from "../../src/learning/calibration.js";
import { newChallenge, tried, tries } from "../../src/learning/challenge.js";
import { createLearner } from "../../src/learning/learner.js";
import type { Learner, Outcome } from "../../src/learning/learner.js";
import { affordable, newPacer, owed, paid, priceOfMoney } from "../../src/learning/pacer.js";
import { patternKey, patternOf, without } from "../../src/learning/patterns.js";
import type { Pattern } from "../../src/learning/patterns.js";
import { lowerBound, mean, reliability } from "../../src/learning/reliability.js";
import { emptyState, mergeStates, parseState } from "../../src/learning/state.js";

/** Uniform numbers from a seed. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const offers = [
  { adapter: "cheap", usdMicros: 10 },
  { adapter: "fair", usdMicros: 60 },
  { adapter: "best", usdMicros: 1_000 },
];
const ability: Record<string, number> = { cheap: 0.6, fair: 0.75, best: 0.95 };

/** Asks until the learner answers; adapters are right by their ability, wrong answers differ. */
function ask(learner: Learner, random: () => number, able = ability, valueUsdMicros = 10_000) {
  const question = learner.begin("qa", { valueUsdMicros, u: random() });
  const groups: string[][] = [];
  const said: string[] = [];
  let paidUsdMicros = 0;
  for (;;) {
    const advice = learner.advise(question, { groups, silent: [], paidUsdMicros }, offers);
    if (advice.ask === undefined) {
      const right = said.indexOf("right");
      const outcome: Outcome = { groups, silent: [], truth: right < 0 ? { none: true } : { right } };
      const changed = learner.learn(question, outcome);
      learner.spent(paidUsdMicros);
      return { advice, ok: right >= 0 && advice.leading === right, paidUsdMicros, asked: groups.flat(), changed };
    }
    paidUsdMicros += offers.find((o) => o.adapter === advice.ask)?.usdMicros ?? 0;
    const answer = random() < (able[advice.ask] ?? 0) ? "right" : `wrong ${groups.flat().length}`;
    const at = said.indexOf(answer);
    if (at < 0) {
      said.push(answer);
      groups.push([advice.ask]);
    } else groups[at]?.push(advice.ask);
  }
}

const adapters = ["a", "b,;", "c %"];
const pattern = fc
  .record({
    bucket: fc.constantFrom("", "maths", "x y"),
    groups: fc
      .shuffledSubarray(adapters, { minLength: 1 })
      .chain((names) =>
        fc
          .integer({ min: 1, max: names.length })
          .map((cut) => [names.slice(0, cut), names.slice(cut)].filter((g) => g.length > 0)),
      ),
  })
  .chain(({ bucket, groups }) =>
    fc
      .oneof(
        fc.nat(groups.length - 1).map((right) => ({ right })),
        fc.nat(groups.length - 1).map((wrong) => ({ wrong })),
        fc.constant({ none: true as const }),
        fc.constant({ unknown: true as const }),
      )
      .map((truth): Pattern => ({ bucket, groups, silent: ["s"], truth })),
  );

describe("patterns", () => {
  it("have one key however they are written, and are read back from it", () => {
    fc.assert(
      fc.property(pattern, (p) => {
        const back = patternOf(patternKey(p));
        expect(back && patternKey(back)).toBe(patternKey(p));
        const turned = p.groups.length - 1;
        const truth =
          "right" in p.truth
            ? { right: turned - p.truth.right }
            : "wrong" in p.truth
              ? { wrong: turned - p.truth.wrong }
              : p.truth;
        expect(patternKey({ ...p, groups: [...p.groups].reverse(), truth })).toBe(patternKey(p));
      }),
      { numRuns: 50 },
    );
  });

  it.each(["", "x", " a  =1", " a  =", " a;b  *0", "%  ?", " a  =0 more"])("refuse the key %j of elsewhere", (key) => {
    expect(patternOf(key)).toBeUndefined();
  });

  it("without an adapter stand as if it had not been asked", () => {
    const p: Pattern = { bucket: "", groups: [["a"], ["b", "c"]], silent: ["d"], truth: { right: 0 } };
    expect(without(p, new Set(["a"]))).toEqual({
      bucket: "",
      groups: [["b", "c"]],
      silent: ["d"],
      truth: { none: true },
    });
    expect(without(p, new Set(["b"]))?.truth).toEqual({ right: 0 });
    expect(without(p, new Set(["a", "b", "c", "d"]))).toBeUndefined();
  });
});

describe("a learner", () => {
  it("finds who is worth asking, and asks no more than that is worth", () => {
    const learner = createLearner({ replica: "r1" });
    const random = uniform(5);
    for (let i = 0; i < 200; i++) ask(learner, random);
    const runs = Array.from({ length: 200 }, () => ask(learner, random));
    const right = runs.filter((run) => run.ok).length / runs.length;
    const usd = runs.reduce((sum, run) => sum + run.paidUsdMicros, 0) / runs.length;
    expect(right - usd / 10_000).toBeGreaterThan(0.8);
    // With answers worth little the dear one is not asked.
    const cheap = Array.from({ length: 60 }, () => ask(learner, random, ability, 500));
    expect(cheap.filter((run) => run.asked.includes("best")).length).toBeLessThan(10);
  });

  it("tells when an adapter became worse, and asks others", () => {
    const learner = createLearner({ replica: "r1" });
    const random = uniform(7);
    for (let i = 0; i < 150; i++) ask(learner, random);
    const worse = { ...ability, best: 0.4 };
    const after = Array.from({ length: 250 }, () => ask(learner, random, worse));
    expect(after.flatMap((run) => run.changed)).toContain("best");
    const late = after.slice(150).filter((run) => run.asked.includes("best")).length;
    expect(late).toBeLessThan(80);
  });

  it("learns nothing of unknown verdicts that outweighs known ones, and never of an adapter's word for itself", () => {
    const learner = createLearner({ replica: "r1", exploreFirst: 0 });
    for (let i = 0; i < 60; i++)
      learner.learn(
        { task: "qa", bucket: "" },
        { groups: [["liar", "copy"], ["honest"]], silent: [], truth: { unknown: true } },
      );
    for (let i = 0; i < 30; i++)
      learner.learn(
        { task: "qa", bucket: "" },
        { groups: [["liar", "copy"], ["honest"]], silent: [], truth: { right: 1 } },
      );
    const { liar = 1, honest = 0 } = learner.accuracy("qa");
    expect(honest).toBeGreaterThan(liar);
  });

  it("explores only without priors", () => {
    const priors = { qa: { best: { accuracy: 0.95, weight: 20 } } };
    const told = createLearner({ replica: "r", priors }).begin("qa", { valueUsdMicros: 1, u: 0 });
    expect(told.explores).toBe(false);
    expect(createLearner({ replica: "r" }).begin("qa", { valueUsdMicros: 1, u: 0 }).explores).toBe(true);
  });

  it("answers alike after export and merge, in any order and twice", () => {
    const [a, b] = [createLearner({ replica: "a" }), createLearner({ replica: "b" })];
    const random = uniform(3);
    for (let i = 0; i < 40; i++) ask(i % 2 === 0 ? a : b, random);
    const states = [a.export(), b.export()];
    const merged = [createLearner({ replica: "c" }), createLearner({ replica: "c" })];
    for (const state of states) merged[0]?.merge(JSON.parse(JSON.stringify(state)));
    for (const state of [...states, ...states].reverse()) merged[1]?.merge(state);
    for (const { adapter } of offers)
      expect(merged[0]?.accuracy("qa")[adapter]).toBeCloseTo(merged[1]?.accuracy("qa")[adapter] ?? -1, 9);
    expect(merged[0]?.reliability("qa", "best")).toEqual(merged[1]?.reliability("qa", "best"));
    expect(merged[0]?.export()).toEqual(merged[1]?.export());
  });

  it("goes on from its own past", () => {
    const first = createLearner({ replica: "a" });
    const random = uniform(3);
    for (let i = 0; i < 30; i++) ask(first, random);
    const again = createLearner({ replica: "a" });
    again.merge(first.export());
    expect(again.export()).toEqual(first.export());
    expect(again.begin("qa", { valueUsdMicros: 1, u: 0 }).explores).toBe(false);
  });
});

describe("states", () => {
  const state = fc
    .dictionary(fc.constantFrom("r1", "r2"), fc.array(fc.tuple(pattern, fc.nat(9)), { maxLength: 4 }))
    .map((replicas) =>
      parseState({
        v: 1,
        replicas: Object.fromEntries(
          Object.entries(replicas).map(([id, cells]) => [
            id,
            { qa: { epochs: { 0: Object.fromEntries(cells.map(([p, n]) => [patternKey(p), n])) } } },
          ]),
        ),
        since: {},
      }),
    );
  it("merge in any order, any grouping and twice to the same", () => {
    fc.assert(
      fc.property(state, state, state, (a, b, c) => {
        expect(mergeStates(a, b)).toEqual(mergeStates(b, a));
        expect(mergeStates(mergeStates(a, b), c)).toEqual(mergeStates(a, mergeStates(b, c)));
        expect(mergeStates(a, a)).toEqual(a);
      }),
      { numRuns: 40 },
    );
  });

  it("from elsewhere are taken as far as they are counts of patterns", () => {
    const told = JSON.parse(
      '{"v":1,"replicas":{"__proto__":{"qa":{"epochs":{"0":{" a  =0":2}}}},"r":{"qa":{"epochs":{"x":{},"1":{" a  =0":-1," b  =0":3,"junk":1}}}}},"since":{"qa":{"a":"no"}}}',
    ) as unknown;
    const parsed = parseState(told);
    expect(JSON.stringify(parsed.replicas["r"])).toBe('{"qa":{"epochs":{"1":{" b  =0":3}}}}');
    expect(Object.getPrototypeOf(parsed.replicas)).toBeNull();
    expect(() => parseState({ v: 2 })).toThrow("version 1");
    expect(mergeStates(emptyState, parsed)).toEqual(parsed);
  });
});

describe("reliability", () => {
  it("leans on what is known elsewhere while little is known here", () => {
    const verdicts = { maths: { a: { right: 90, wrong: 10 }, b: { right: 10, wrong: 90 } } };
    const [a, b] = [reliability(verdicts, "law", "a"), reliability(verdicts, "law", "b")];
    expect(mean(a)).toBeGreaterThan(0.8);
    expect(mean(b)).toBeLessThan(0.2);
    expect(mean(reliability(verdicts, "law", "new"))).toBeCloseTo(0.5, 1);
    expect(lowerBound(a)).toBeLessThan(mean(a));
  });
});

describe("a pacer", () => {
  it.each([0.5, 2])("brings spending to its target when requests would cost %d times as much", (times) => {
    const pacer = newPacer({ targetUsdMicros: 100 });
    const random = uniform(1);
    for (let i = 0; i < 600; i++) {
      // What a request costs falls with the price of money.
      const cost = (100 * times * (0.5 + random())) / priceOfMoney(pacer, random()) ** 0.5;
      paid(pacer, cost);
    }
    expect(Math.abs(owed(pacer)) / 600).toBeLessThan(0.01);
    expect(priceOfMoney(pacer, 0.5) > 1).toBe(times > 1);
  });

  it("refuses a call that would be more than the tolerance, and a target of nothing", () => {
    const pacer = newPacer({ targetUsdMicros: 100 });
    expect([affordable(pacer, 400, 0, 3), affordable(pacer, 401, 0, 3)]).toEqual([true, false]);
    expect(() => newPacer({ targetUsdMicros: 0 })).toThrow("positive");
  });
});

describe("a calibrator", () => {
  it.each([
    ["too sure", (p: number) => 0.5 + (p - 0.5) * 0.4],
    ["not sure enough", (p: number) => Math.min(1, p * 1.4)],
  ])("brings the error of one that is %s under 0.05", (name, truth) => {
    const c = newCalibrator();
    const random = uniform(11);
    // Ten bins of thirty labels would be wrong by 0.06 by chance alone, so many are taken.
    for (let i = 0; i < 2_300; i++) {
      const told = name === "too sure" ? 0.5 + random() / 2 : random() * 0.7;
      learnLabel(c, { told, right: random() < truth(told) });
    }
    expect(calibrationError(c)).toBeLessThan(0.05);
    expect(calibrationError(c, "raw")).toBeGreaterThan(calibrationError(c));
    expect(brierScore(c.labels)).toBeGreaterThan(0);
  });

  it("makes of one that is always 1 what comes true", () => {
    const c = newCalibrator();
    const random = uniform(2);
    for (let i = 0; i < 400; i++) learnLabel(c, { told: 1, right: random() < 0.7 });
    expect(Math.abs(calibrated(c, 1) - 0.7)).toBeLessThan(0.05);
  });

  it("takes confidences out of range for the nearest end, and trusts less while it errs", () => {
    const c = newCalibrator();
    for (const told of [Number.NaN, -1, 7, Infinity]) learnLabel(c, { told, right: false });
    expect(calibrated(c, 7)).toBeGreaterThan(0);
    expect(trusted(c, 0.9)).toBeLessThan(calibrated(c, 0.9));
    expect(calibrationError(newCalibrator())).toBe(0);
  });
});

describe("a challenge", () => {
  it("promotes the better and rejects the worse, at about its error", () => {
    const end = (rate: number, seed: number) => {
      const challenge = newChallenge({ champion: "a", challenger: "b", share: 0.05 });
      const random = uniform(seed);
      while (challenge.verdict === "running") {
        const wins = random() < rate;
        tried(challenge, !wins, wins);
      }
      return challenge.verdict;
    };
    const ends = (rate: number) =>
      Array.from({ length: 60 }, (_, i) => end(rate, i)).filter((v) => v === "promoted").length;
    expect(ends(0.7)).toBeGreaterThan(52);
    expect(ends(0.45)).toBeLessThan(8);
  });

  it("takes its share of requests while it runs, and no other share than 1 to 5 percent", () => {
    const challenge = newChallenge({ champion: "a", challenger: "b", share: 0.02 });
    expect([tries(challenge, 0.019), tries(challenge, 0.02)]).toEqual([true, false]);
    expect(() => newChallenge({ champion: "a", challenger: "b", share: 0.2 })).toThrow("0.01 to 0.05");
    expect(() => newChallenge({ champion: "a", challenger: "a", share: 0.02 })).toThrow("itself");
  });
});
