import fc from "fast-check";
import type { Evidence } from "atp-protocol";
import { describe, expect, it } from "vitest";
import { weigh } from "../../src/consensus/index.js";
import type { Answer } from "../../src/model/index.js";

const answer = (adapter: string, text: string, more: Partial<Answer> = {}): Answer => ({
  adapter,
  sample: 0,
  text,
  evidence: [],
  ...more,
});
const cite = (locator: string, quote?: string): Evidence => ({
  source: locator.replace(/:.*/, ""),
  locator,
  ...(quote === undefined ? {} : { quote }),
});

const hold = "A budget is kept by reserving before spending: the router places a hold for each adapter call.";
const refusal = "A refusal names the limit, what is left of it, and what would help: wait, raise, shrink or never.";
const lanes = "The lanes share the slots by weight 8:3:1: under full load gold gets eight parts of the work.";

describe("weigh: cited answers", () => {
  const shallow = answer("shallow", `${hold} [docs/budget.md:3]`, {
    evidence: [cite("docs/budget.md:3", hold)],
    confidence: 0.6,
  });
  const deep = answer("deep", `${hold} [docs/budget.md:3]\n\n${refusal} [docs/budget.md:70]`, {
    evidence: [cite("docs/budget.md:3", hold), cite("docs/budget.md:70", refusal)],
    confidence: 0.8,
  });

  it("A4.3 answers that quote the same place agree, though one quotes more; the winner's evidence comes first, each once", () => {
    const v = weigh([shallow, deep], {});
    expect(v).toMatchObject({ agreement: 1, votes: 2, support: ["deep", "shallow"], dissent: [], answer: deep.text });
    expect(v.evidence).toEqual([
      { ...cite("docs/budget.md:3", hold), adapter: "deep" },
      { ...cite("docs/budget.md:70", refusal), adapter: "deep" },
    ]);
  });

  it("evidence that only another member has is told with its adapter", () => {
    const third = answer("third", `${hold} ${lanes}`, {
      evidence: [cite("docs/budget.md:3", hold), cite("docs/lanes.md:9", lanes)],
      confidence: 0.5,
    });
    const v = weigh([third, deep], {});
    expect(v.evidence.map((e) => [e.adapter, e.locator])).toEqual([
      ["deep", "docs/budget.md:3"],
      ["deep", "docs/budget.md:70"],
      ["third", "docs/lanes.md:9"],
    ]);
  });

  it("answers that quote different places disagree", () => {
    const other = answer("other", lanes, { evidence: [cite("docs/lanes.md:9", lanes)], confidence: 0.3 });
    const v = weigh([shallow, other], {});
    expect(v.votes).toBe(1);
    expect(v.dissent).toMatchObject([{ adapters: ["other"], answer: lanes }]);
    expect(v.evidence.map((e) => e.locator)).toEqual(["docs/budget.md:3"]);
  });

  it.each([
    ["the same line", "docs/a.md:7", "docs/a.md:7", true],
    ["a line within lines", "docs/a.md:7", "docs/a.md:5-9", true],
    ["lines that overlap", "docs/a.md:5-9", "docs/a.md:9-12", true],
    ["lines that touch nothing of each other", "docs/a.md:5-9", "docs/a.md:10", false],
    ["the same line of another file", "docs/a.md:7", "docs/b.md:7", false],
  ])("%s", (_, a, b, agreed) => {
    const quoting = (adapter: string, locator: string, quote: string): Answer =>
      answer(adapter, quote, { evidence: [cite(locator, quote)] });
    expect(
      weigh(
        [
          quoting("x", a, "The first words of a long enough line."),
          quoting("y", b, "And quite other words of the same place."),
        ],
        {},
      ).votes,
    ).toBe(agreed ? 2 : 1);
  });

  it("the same telling quote is the same place, whatever the locator calls it", () => {
    const copy = answer("copy", hold, { evidence: [cite("mirror/budget.txt:103", hold)] });
    expect(weigh([shallow, copy], {}).votes).toBe(2);
  });

  it("sharing only a source is not enough", () => {
    const a = answer("a", "It is kept by holds.", { evidence: [{ source: "docs/budget.md" }] });
    const b = answer("b", "It is shown by the telemetry.", { evidence: [{ source: "docs/budget.md" }] });
    expect(weigh([a, b], {}).votes).toBe(1);
  });

  it.each([
    ["says another number", "The answer needs 16 tokens at least.", "The answer needs 32 tokens at least.", 1],
    ["denies it", "A call that expired is charged in full.", "A call that expired is not charged in full.", 1],
    ["says it in other words", "A call that expired is charged in full.", "Expired calls cost their whole hold.", 2],
    ["says more numbers", "It needs 16 tokens.", "It needs 16 tokens, and 250 ms of slack.", 2],
  ])("with the same citation, one in own words that %s", (_, a, b, votes) => {
    const evidence = [cite("docs/budget.md:40", "A hold that expires is posted in full.")];
    expect(weigh([answer("a", a, { evidence }), answer("b", b, { evidence })], {}).votes).toBe(votes);
  });
});

describe("weigh: weight, dissent, confidence", () => {
  it("A4.3 a single answer agrees with itself", () => {
    expect(weigh([answer("a", "x", { confidence: 0.4 })], {})).toMatchObject({
      agreement: 1,
      confidence: 0.4,
      support: ["a"],
      dissent: [],
      weights: { a: 1 },
    });
  });

  it("weight goes by confidence; an answer that tells none weighs as a half", () => {
    const v = weigh(
      [answer("a", "red", { confidence: 0.75 }), answer("b", "blue", { confidence: 0.25 }), answer("c", "green")],
      {},
    );
    expect(v.answer).toBe("red");
    expect(v.agreement).toBe(0.5);
    expect(v.dissent).toEqual([
      { adapters: ["c"], answer: "green", weight: 0.3333 },
      { adapters: ["b"], answer: "blue", weight: 0.1667 },
    ]);
  });

  it("two that agree outweigh one that is surer", () => {
    const v = weigh(
      [
        answer("a", "7", { confidence: 0.5 }),
        answer("b", "7.0", { confidence: 0.4 }),
        answer("c", "8", { confidence: 0.8 }),
      ],
      {},
    );
    expect(v).toMatchObject({ answer: "7", support: ["a", "b"], votes: 2 });
  });

  it("an answer that cites weighs more than one that does not", () => {
    const v = weigh(
      [
        answer("a", "7", { confidence: 0.5 }),
        answer("b", "8", { confidence: 0.45, evidence: [cite("x.md:1", "It is eight, as can be seen.")] }),
      ],
      {},
    );
    expect(v.answer).toBe("8");
  });

  it("learned reliability counts", () => {
    const answers = [answer("a", "7", { confidence: 0.9 }), answer("b", "8", { confidence: 0.6 })];
    expect(weigh(answers, {}).answer).toBe("7");
    expect(weigh(answers, { weights: { a: 0.5 } }).answer).toBe("8");
  });

  it("agreement raises confidence, dissent lowers it, clones count once", () => {
    const one = weigh([answer("a", "7", { confidence: 0.6 })], {}).confidence;
    const two = weigh([answer("a", "7", { confidence: 0.6 }), answer("b", "7", { confidence: 0.6 })], {}).confidence;
    const split = weigh([answer("a", "7", { confidence: 0.6 }), answer("b", "8", { confidence: 0.5 })], {}).confidence;
    const clones = weigh(
      [0, 1, 2].map((sample) => answer("a", "7", { confidence: 0.6, sample })),
      {},
    ).confidence;
    expect([one, two, clones]).toEqual([0.6, 0.84, 0.6]);
    expect(split).toBeCloseTo(1.5 / 3.5, 4);
  });

  it("a group of a quorum leads before a weightier one that is smaller", () => {
    const answers = [
      answer("a", "7", { confidence: 0.3 }),
      answer("b", "7", { confidence: 0.3 }),
      answer("c", "8", { confidence: 0.9 }),
    ];
    expect(weigh(answers, {})).toMatchObject({ answer: "8", mostAdapters: 2 });
    expect(weigh(answers, { quorum: 2 })).toMatchObject({ answer: "7", support: ["a", "b"] });
  });

  it("complete link: half-similar answers do not chain into one group", () => {
    const base = "the router waits for a window to free and then it admits the call that asked first".split(" ");
    const changed = (...at: number[]): string => base.map((word, i) => (at.includes(i) ? `other${i}` : word)).join(" ");
    const v = weigh([answer("a", changed(2)), answer("b", base.join(" ")), answer("c", changed(15))], {});
    // b is like a and like c, but a and c are too far from each other.
    expect(weigh([answer("a", changed(2)), answer("b", base.join(" "))], {}).votes).toBe(2);
    expect(weigh([answer("a", changed(2)), answer("c", changed(15))], {}).votes).toBe(1);
    expect(v.votes).toBe(2);
    expect(v.dissent).toHaveLength(1);
  });

  it("refuses to weigh nothing", () => {
    expect(() => weigh([], {})).toThrow(RangeError);
  });

  it("the order of arrival decides nothing, and shares add up", () => {
    const one = fc.record({
      adapter: fc.constantFrom("a", "b", "c", "d"),
      text: fc.constantFrom("7", "7.0", "8", "yes", "no", hold, refusal, "Paris", "The capital is Paris"),
      confidence: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
      cited: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 7 }), fc.nat(), (raw, turn) => {
        const answers = raw.map(({ adapter, text, confidence, cited }, sample) =>
          answer(adapter, text, {
            sample,
            ...(confidence === undefined ? {} : { confidence }),
            evidence: cited ? [cite("docs/a.md:1", hold)] : [],
          }),
        );
        const v = weigh(answers, {});
        const cut = turn % answers.length;
        expect(weigh([...answers.slice(cut), ...answers.slice(0, cut)], {})).toEqual(v);
        const shares = [v.agreement, ...v.dissent.map((d) => d.weight)];
        expect(shares.reduce((n, s) => n + s, 0)).toBeCloseTo(1, 2);
        expect(Object.values(v.weights).reduce((n, w) => n + w, 0)).toBeCloseTo(1, 2);
        expect(v.votes + v.dissent.reduce((n, d) => n + d.adapters.length, 0)).toBeLessThanOrEqual(answers.length);
        expect(v.confidence).toBeGreaterThanOrEqual(0);
        expect(v.confidence).toBeLessThanOrEqual(1);
        expect(v.support).toContain(v.winner.adapter);
      }),
    );
  });
});
