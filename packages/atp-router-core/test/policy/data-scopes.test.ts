import { describe, expect, it } from "vitest";
import type { PolicyDecision, PolicyInput } from "../../src/model/index.js";
import { withDataScopes } from "../../src/policy/index.js";

const input = (...labels: string[]): PolicyInput => ({
  principal: { tenant: "default", subject: "anonymous", roles: [] },
  task_type: "qa",
  qos: "gold",
  tool_permissions: [],
  data_scope: labels,
  strategy: "auto",
  window: {},
  meta: {},
  adapters: [],
});
const allow: PolicyDecision = { allow: true, reasons: [], engine: "inner", requireTags: ["fast"] };
const deny: PolicyDecision = { allow: false, reasons: ["no"], engine: "inner" };
const options = { deadlineAt: 1 };
const scopes = {
  pii: { region: "eu", redact: ["email"], forbid: ["log"] },
  health: { requireTags: ["hipaa"], redact: true, forbid: ["memory"] },
} as const;

describe("data scopes (D4)", () => {
  it.each<[string, string[], object]>([
    ["no label", [], { requireTags: ["fast"] }],
    ["a label that nothing is said of", ["public"], { requireTags: ["fast"] }],
    ["one label", ["pii"], { requireTags: ["fast", "region:eu"], redact: ["email"], forbid: ["log"] }],
    [
      "two labels: the stricter of each",
      ["pii", "health"],
      { requireTags: ["fast", "region:eu", "hipaa"], redact: true, forbid: ["log", "memory"] },
    ],
  ])("%s", async (_name, labels, bound) => {
    const policy = withDataScopes({ engine: "inner", decide: () => allow }, scopes);
    expect(await policy.decide(input(...labels), options)).toEqual({
      allow: true,
      reasons: [],
      engine: "inner",
      ...bound,
    });
    const later = withDataScopes({ engine: "inner", decide: async () => allow }, scopes);
    expect(await later.decide(input(...labels), options)).toMatchObject(bound);
  });

  it("never turns a denial into anything else", async () => {
    const policy = withDataScopes({ engine: "inner", decide: () => deny }, scopes);
    expect(await policy.decide(input("pii"), options)).toBe(deny);
  });

  it("strict: a label that is not known denies by its name", async () => {
    const policy = withDataScopes({ engine: "inner", decide: () => allow }, scopes, true);
    expect(await policy.decide(input("pii", "piii"), options)).toMatchObject({
      allow: false,
      reasons: ["data scope piii is not known here"],
    });
    expect(await policy.decide(input("pii"), options)).toMatchObject({ allow: true });
  });
});
