import { describe, expect, it } from "vitest";
import { weigh } from "../../src/consensus/index.js";
import type { Answer } from "../../src/model/index.js";

function agree(a: string, b: string, choices?: string[]): boolean {
  const answers: Answer[] = [a, b].map((text, i) => ({ adapter: `a${i}`, sample: 0, text, evidence: [] }));
  const grouped = weigh(answers, choices === undefined ? {} : { choices }).votes === 2;
  const swapped = weigh([...answers].reverse(), choices === undefined ? {} : { choices }).votes === 2;
  expect(swapped).toBe(grouped);
  return grouped;
}

describe("which answers are the same", () => {
  it.each([
    ["yes", "Yes."],
    ["True", "yes, because the store is away"],
    ["No", "no."],
    ["42", "42.0"],
    ["1,000,000", "1000000"],
    ["The answer is 42.", "42"],
    ["**42**", "42"],
    ["16 tokens", "16 token"],
    ["16 tokens", "16"],
    ["30 s", "30,000 ms"],
    ["1 MiB", "1048576 bytes"],
    ["$5", "5 dollars"],
    ["50%", "0.5"],
    ["50 %", "50"],
    ["30 s", "It takes 30 seconds."],
    ["16", "A hold covers at least 16 output tokens."],
    ["2024-03-05", "March 5, 2024"],
    ["5 March 2024", "2024-3-5"],
    ['{"a":1,"b":[2,3]}', '```json\n{ "b": [2, 3], "a": 1 }\n```'],
    ["Paris", "paris."],
    ["Paris", "The capital of France is Paris."],
    ["the tenant", "Tenant"],
    ["ﬁle", "file"],
    ["It doesn't retry.", "It does not retry"],
    [
      "A hold is granted only when it fits every scope and every dimension at once.",
      "A hold is granted only when it fits every scope, and every dimension, at once!",
    ],
  ])("%j and %j agree", (a, b) => {
    expect(agree(a, b)).toBe(true);
  });

  it.each([
    ["yes", "no"],
    ["Yes, always", "No, never"],
    ["42", "43"],
    ["42", "42.01"],
    ["16 tokens", "16 dollars"],
    ["30 s", "30 minutes"],
    ["30 s", "It takes 30 minutes."],
    ["16", "At least 16 and at most 32 tokens."],
    ["16", "It is not 16."],
    ["-5", "5"],
    ["2024-03-05", "2024-05-03"],
    ['{"a":1}', '{"a":2}'],
    ["Paris", "London"],
    ["Paris", "London is the capital of England"],
    ["Paris", "Paris and London"],
    ["York", "New York"],
    ["It does retry", "It does not retry"],
    [
      "A hold is granted only when it fits every scope and every dimension at once.",
      "A hold is not granted only when it fits every scope and every dimension at once.",
    ],
    [
      "The router waits for 30 seconds and then it sheds the call with a message.",
      "The router waits for 20 seconds and then it sheds the call with a message.",
    ],
    ["No. 5 is the right one", "no"],
  ])("%j and %j do not", (a, b) => {
    expect(agree(a, b)).toBe(false);
  });

  const colours = ["red", "blue", "dark blue"];
  it.each([
    ["blue", "Blue."],
    ["blue", "I would say blue, as the sky is."],
    ["dark blue", "It is dark blue"],
    ["The answer is (red)", "RED"],
  ])("of a closed set: %j and %j agree", (a, b) => {
    expect(agree(a, b, colours)).toBe(true);
  });

  it.each([
    ["blue", "dark blue"],
    ["blue", "not blue"],
    ["red", "red or blue"],
  ])("of a closed set: %j and %j do not", (a, b) => {
    expect(agree(a, b, colours)).toBe(false);
  });

  it.each([
    ["B", "B) Berlin"],
    ["b.", "Berlin"],
    ["(B)", "B: because of the wall"],
  ])("of lettered options: %j and %j agree", (a, b) => {
    expect(agree(a, b, ["A) Paris", "B) Berlin"])).toBe(true);
  });

  it("takes at most a millisecond for nine answers of 2 kB", () => {
    const text = (n: number): string => Array.from({ length: 300 }, (_, i) => `word${(i * 7 + n) % 90}`).join(" ");
    const answers: Answer[] = Array.from({ length: 9 }, (_, i) => ({
      adapter: `a${i}`,
      sample: 0,
      text: text(i),
      evidence: [],
    }));
    for (let i = 0; i < 50; i++) weigh(answers, {});
    const start = process.cpuUsage();
    for (let i = 0; i < 50; i++) weigh(answers, {});
    const { user, system } = process.cpuUsage(start);
    // The goal is 1 ms; the bound leaves room for a slow machine.
    expect((user + system) / 50 / 1_000).toBeLessThan(20);
  });
});
