import { describe, expect, it } from "vitest";
import { judge, weigh } from "../../src/consensus/index.js";
import type { Judgement, Progress } from "../../src/consensus/index.js";
import type { StopRule } from "../../src/model/index.js";

/** Answers as `adapter=text@confidence`. */
const verdict = (...answers: string[]) =>
  weigh(
    answers.map((a) => {
      const [, adapter = "", text = "", confidence = ""] = /^(\w+)=(.+)@(.+)$/.exec(a) ?? [];
      return { adapter, sample: 0, text, evidence: [], confidence: Number(confidence) };
    }),
    {},
  );
const ladder: StopRule = { minConfidence: 0.7, minAgreement: 0.6, eager: false };
const quorum2: StopRule = { quorum: 2, eager: true };
const content: StopRule = { eager: false };
const wait: Judgement = { stop: false, next: "wait" };
const escalate: Judgement = { stop: false, next: "escalate" };
const noQuorum: Judgement = { stop: true, by: "no_quorum", failed: true };

describe("judge", () => {
  it.each<[string, StopRule, string[], Partial<Progress>, Judgement]>([
    ["a confident answer is enough", ladder, ["a=7@0.7"], { rungsLeft: 2 }, { stop: true, by: "confident" }],
    ["an unsure one asks the next rung", ladder, ["a=7@0.69"], { rungsLeft: 2 }, escalate],
    ["an unsure one waits for what runs", ladder, ["a=7@0.3"], { running: 1, rungsLeft: 2 }, wait],
    [
      "two that agree are enough, unsure as they are",
      ladder,
      ["a=7@0.3", "b=7@0.3"],
      { rungsLeft: 1 },
      { stop: true, by: "agreement" },
    ],
    ["one alone does not agree", { minAgreement: 0.6, eager: false }, ["a=7@0.3"], { rungsLeft: 1 }, escalate],
    ["two that differ ask a third, even when one is sure", ladder, ["a=7@0.8", "b=8@0.75"], { rungsLeft: 1 }, escalate],
    ["the ladder's end is the best so far", ladder, ["a=7@0.3", "b=8@0.2"], {}, { stop: true, by: "exhausted" }],
    ["no answer goes on to the next rung", ladder, [], { rungsLeft: 1 }, escalate],
    ["no answer and no rung ends", ladder, [], {}, { stop: true, by: "exhausted" }],
    ["without thresholds all that was asked is waited for", content, ["a=7@1"], { running: 1 }, wait],
    [
      "and then it is enough, though rungs are left",
      content,
      ["a=7@0.1"],
      { rungsLeft: 3 },
      { stop: true, by: "all_answered" },
    ],
    ["without thresholds a rung that brought nothing goes on", content, [], { rungsLeft: 1 }, escalate],
    [
      "a quorum is enough at once",
      quorum2,
      ["a=7@0.1", "b=7@0.1"],
      { running: 1, rungsLeft: 3 },
      { stop: true, by: "quorum" },
    ],
    ["confidence does not make a quorum", quorum2, ["a=7@1"], { running: 1 }, wait],
    ["no quorum yet asks one more", quorum2, ["a=7@0.9", "b=8@0.9"], { rungsLeft: 1 }, escalate],
    ["no quorum and nothing left fails", quorum2, ["a=7@0.9", "b=8@0.9"], {}, noQuorum],
    [
      "a quorum that nobody can make any more fails before it is paid for",
      { quorum: 3, eager: true },
      ["a=7@0.9", "b=8@0.9"],
      { rungsLeft: 1 },
      noQuorum,
    ],
    [
      "a group behind the leader can still make it",
      { quorum: 3, eager: true },
      ["a=7@0.9", "b=8@0.1", "c=8@0.1"],
      { rungsLeft: 1 },
      escalate,
    ],
    ["no answer at all is no failed quorum", quorum2, [], {}, { stop: true, by: "exhausted" }],
  ])("%s", (_, rule, answers, progress, want) => {
    const v = answers.length === 0 ? null : verdict(...answers);
    expect(judge(rule, v, { answered: answers.length, running: 0, rungsLeft: 0, ...progress })).toEqual(want);
  });

  it("clones of one adapter are one voter of a quorum", () => {
    const clones = [0, 1, 2].map((sample) => ({ adapter: "a", sample, text: "7", evidence: [] }));
    expect(judge(quorum2, weigh(clones, {}), { answered: 3, running: 0, rungsLeft: 0 })).toEqual(noQuorum);
  });
});
