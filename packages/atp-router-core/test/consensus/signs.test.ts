import { describe, expect, it } from "vitest";
import { weigh } from "../../src/consensus/index.js";

const agree = (a: string, b: string): boolean =>
  weigh(
    [a, b].map((text, i) => ({ adapter: `a${i}`, sample: 0, text, evidence: [] })),
    {},
  ).votes === 2;

describe("signs that change what an answer says", () => {
  it.each([
    ["-i", "i"],
    ["-x", "x"],
    ["(3,4)", "[3,4]"],
    ["(3,4)", "(3,4]"],
    ["[-1,2)", "(-1,2)"],
    ["(0,\\infty)", "[0,\\infty)"],
  ])("%s is not %s", (a, b) => expect([agree(a, b), agree(b, a)]).toEqual([false, false]));

  it.each([
    ["(3, 4)", "(3,4)"],
    ["-i", "-I"],
    ["- Paris", "Paris"],
    ["```json\n[3, 4]\n```", "[3,4]"],
    ["(Paris)", "Paris"],
  ])("%s is %s", (a, b) => expect([agree(a, b), agree(b, a)]).toEqual([true, true]));
});
