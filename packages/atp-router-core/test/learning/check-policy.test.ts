import { describe, expect, it } from "vitest";
import type { AnswerPolicy } from "../../src/learning/answer-policy.js";
import { checkPolicy } from "../../src/learning/check-policy.js";
import { neutralVotes } from "../../src/learning/vote-model.js";

const adapters = ["a", "b"];
const good = (): AnswerPolicy => ({
  version: 1,
  tasks: {
    t: {
      adapters,
      usdMicros: [1, 2],
      champion: "b",
      votes: neutralVotes(adapters),
      points: [{ usdMicros: 1, accuracy: 0.5, rule: { kind: "cascade", order: adapters, thresholds: [0.5] } }],
    },
  },
});

/** A copy of the good policy with the member at `path` replaced. */
function broken(path: string, value: unknown): unknown {
  const copy = structuredClone(good()) as unknown;
  const steps = path.split(".");
  const last = steps.pop() as string;
  let at = copy as Record<string, unknown>;
  for (const step of steps) at = at[step] as Record<string, unknown>;
  at[last] = value;
  return copy;
}

describe("checkPolicy", () => {
  it("takes a good one, from JSON too", () => {
    expect(checkPolicy(JSON.parse(JSON.stringify(good())))).toMatchObject({ ok: true });
  });

  it.each([
    ["version", 2, "policy.version"],
    ["tasks", [], "policy.tasks"],
    ["tasks.t.adapters", ["a", "a"], "twice"],
    ["tasks.t.adapters", [], "1 to 64"],
    ["tasks.t.usdMicros", [1], "t.usdMicros"],
    ["tasks.t.usdMicros", [1, -1], "t.usdMicros[1]"],
    ["tasks.t.votes.weight", [1, "2"], "weight[1]"],
    ["tasks.t.votes.weight", [1, null], "weight[1]"],
    ["tasks.t.votes.adapters", ["b", "a"], "must be t.adapters"],
    ["tasks.t.votes.pairs", [1, 2, 3], "pairs"],
    ["tasks.t.votes.prompt", [[1], [1]], "prompt[0]"],
    ["tasks.t.points", [], "at least one"],
    ["tasks.t.points.0.accuracy", 1.5, "accuracy"],
    ["tasks.t.points.0.rule.order", ["a", "stranger"], "order"],
    ["tasks.t.points.0.rule.thresholds", [0.5, 0.5], "thresholds"],
    ["tasks.t.points.0.rule.kind", "guess", "kind"],
    ["tasks.t.points.0.rule", { kind: "value", mean: [] }, "mean"],
  ])("refuses %s of %j", (path, value, problem) => {
    const checked = checkPolicy(broken(path, value));
    expect(checked.ok).toBe(false);
    if (!checked.ok) expect(checked.problem).toContain(problem);
  });

  it.each([null, undefined, 1, "policy", [], {}])("refuses %j", (value) => {
    expect(checkPolicy(value).ok).toBe(false);
  });
});
