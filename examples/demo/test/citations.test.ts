import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkEvidence, citedIn, unproven } from "../src/citations.js";

const root = mkdtempSync(join(tmpdir(), "atp-demo-"));
beforeAll(() => {
  mkdirSync(join(root, "docs"));
  writeFileSync(
    join(root, "docs", "a.md"),
    "# Title\n\nA hold is  granted before\na call starts. It is settled.\r\nLast line",
  );
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

describe("a citation is opened at its line (B.9)", () => {
  it.each<[what: string, locator: string, quote: string, verdict: string, problem?: RegExp]>([
    ["the line holds the quote", "docs/a.md:3", "A hold is granted", "there"],
    ["the quote runs on into the next line", "docs/a.md:3", "granted before a call starts.", "there"],
    ["a line that ends in CR LF", "docs/a.md:4", "It is settled.", "there"],
    ["the last line, without a line break", "docs/a.md:5", "Last line", "there"],
    ["the quote is a line further on", "docs/a.md:3", "It is settled.", "wrong", /something else/],
    ["the quote is a line further up", "docs/a.md:4", "A hold is granted", "wrong", /something else/],
    ["no such text", "docs/a.md:3", "A hold is refused", "wrong", /something else/],
    ["another case", "docs/a.md:3", "a hold is granted", "wrong", /something else/],
    ["past the end", "docs/a.md:6", "Last line", "wrong", /5 lines/],
    ["line 0", "docs/a.md:0", "# Title", "wrong", /5 lines/],
    ["an empty quote", "docs/a.md:3", " ", "wrong", /quotes nothing/],
    ["no such file", "docs/b.md:1", "x", "wrong", /ENOENT/],
    ["a folder", "docs:1", "x", "wrong", /EISDIR/],
    ["a way out of the project", "../outside.md:1", "x", "wrong", /outside/],
    ["an absolute path", "/etc/passwd:1", "root", "wrong", /outside/],
    ["a web address", "https://example.com/a:80", "x", "elsewhere"],
    ["no line", "a book", "x", "elsewhere"],
  ])("%s", async (_what, locator, quote, verdict, problem) => {
    const [checked] = await checkEvidence([{ source: "s", locator, quote, adapter: "a" }], root);
    expect(checked).toMatchObject({ locator, verdict, adapter: "a" });
    if (problem !== undefined) expect(checked?.problem).toMatch(problem);
  });

  it("shows evidence without a locator by its source", async () => {
    expect(await checkEvidence([{ source: "memory" }], root)).toEqual([
      { locator: "memory", quote: "", verdict: "elsewhere" },
    ]);
  });

  it("finds citations of an answer that nothing proves", () => {
    const answer = "One [docs/a.md:3]. Two [docs/a.md:4], again [docs/a.md:3]. A [link] and [1:2 not one].";
    expect(citedIn(answer)).toEqual(["docs/a.md:3", "docs/a.md:4"]);
    const missing = unproven(answer, [{ locator: "docs/a.md:3", quote: "q", verdict: "there" }]);
    expect(missing).toMatchObject([{ locator: "docs/a.md:4", verdict: "wrong" }]);
  });
});
