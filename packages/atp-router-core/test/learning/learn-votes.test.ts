import { describe, expect, it } from "vitest";
import { learningRate, learnVotes } from "../../src/learning/learn-votes.js";
import { randomOf } from "../../src/learning/outcomes.js";
import { promptFeatures } from "../../src/learning/prompt-features.js";
import { neutralVotes, posterior } from "../../src/learning/vote-model.js";
import type { SeenAnswer } from "../../src/learning/vote-model.js";

const prompt = promptFeatures("Why?");
const adapters = ["weak", "copy", "strong"];

/** Outcomes of a weak adapter, its copy, and a strong one. */
function taught(count: number) {
  const random = randomOf(4);
  let votes = neutralVotes(adapters);
  for (let i = 0; i < count; i++) {
    const weak = random() < 0.6 ? "right" : "wrong";
    const strong = random() < 0.9 ? "right" : "wrong as well";
    const seen: SeenAnswer[] = [weak, weak, strong].map((answerKey, m) => ({ adapter: adapters[m] ?? "", answerKey }));
    const right = seen.filter(({ answerKey }) => answerKey === "right").map(({ adapter }) => adapter);
    votes = learnVotes(votes, { prompt, seen, right }, learningRate(i));
  }
  return votes;
}

const against = (votes: ReturnType<typeof taught>): number =>
  posterior(votes, prompt, [
    { adapter: "weak", answerKey: "a" },
    { adapter: "copy", answerKey: "a" },
    { adapter: "strong", answerKey: "b" },
  ]).groups.find(({ answerKey }) => answerKey === "b")?.probability ?? 0;

describe("learnVotes", () => {
  it("comes to trust the strong one over a pair that errs together", () => {
    expect(against(taught(0))).toBeLessThan(0.35);
    expect(against(taught(300))).toBeGreaterThan(0.6);
  });

  it("makes what was right likelier, and none likelier when nobody was", () => {
    const votes = neutralVotes(adapters);
    const seen: SeenAnswer[] = [
      { adapter: "weak", answerKey: "a" },
      { adapter: "strong", answerKey: "b" },
    ];
    const before = posterior(votes, prompt, seen);
    const right = posterior(learnVotes(votes, { prompt, seen, right: ["strong"] }, 0.1), prompt, seen);
    expect(right.groups[0]?.answerKey).toBe("b");
    const none = posterior(learnVotes(votes, { prompt, seen, right: [] }, 0.1), prompt, seen);
    expect(none.none).toBeGreaterThan(before.none);
  });

  it.each([
    ["nothing was asked", []],
    ["everybody was silent", [{ adapter: "weak", answerKey: null }]],
    ["a stranger spoke", [{ adapter: "stranger", answerKey: "a" }]],
  ])("stays finite when %s", (_, seen) => {
    const votes = learnVotes(neutralVotes(adapters), { prompt, seen, right: ["stranger"] }, 0.3);
    expect(votes.weight.every(Number.isFinite)).toBe(true);
    expect(votes.none.every(Number.isFinite)).toBe(true);
  });
});
