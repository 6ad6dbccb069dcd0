import { describe, expect, it } from "vitest";
import { plainText, sentencesOf } from "../src/passages.js";
import { terms } from "../src/terms.js";

describe("terms", () => {
  it.each([
    ["settle settles settled settling", ["settl"]],
    ["keep keeps kept keeping", ["keep"]],
    ["budget budgets", ["budget"]],
    ["policy policies", ["policy"]],
    ["run runs ran", ["run"]],
    ["class classes", ["class"]],
    ["status", ["status"]],
    ["max_tokens", ["max", "token"]],
    ["What is the", []],
    ["Übung ÜBUNG", ["übung"]],
  ])("%j -> %j", (text, expected) => {
    expect([...new Set(terms(text))]).toEqual(expected);
  });
});

describe("plainText", () => {
  it.each([
    ["a **bold** and *thin* word", "a bold and thin word"],
    ["`code_with_marks` and snake_case_name", "code_with_marks and snake_case_name"],
    ["a [link](x.md#y) and ![image](i.png)", "a link and image"],
    ["2 * 3 * 4", "2 * 3 * 4"],
    ["note[^1] here", "note here"],
  ])("%j -> %j", (markdown, text) => {
    expect(plainText(markdown)).toBe(text);
  });
});

describe("sentencesOf", () => {
  it("splits at ends of sentences, and nothing is lost", () => {
    const text = "One e.g. two. Three! Is it 4.5? Yes.";
    expect(sentencesOf(text)).toEqual(["One e.g. two.", "Three!", "Is it 4.5?", "Yes."]);
    expect(sentencesOf(text).join(" ")).toBe(text);
  });
});
