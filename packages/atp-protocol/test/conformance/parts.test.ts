import { describe, expect, it } from "vitest";
import { applyExpected } from "../../conformance/src/expected.js";
import { isFault } from "../../conformance/src/fault-proxy.js";
import { FrameReader, OPCODE, writeFrame } from "../../conformance/src/live/ws-frames.js";
import { filled, mismatch } from "../../conformance/src/match.js";
import { html, junit } from "../../conformance/src/report.js";
import type { Result } from "../../conformance/src/result.js";
import { fillTemplate } from "../../conformance/src/vector-data.js";

const result = (id: string, outcome: Result["outcome"], message?: string): Result => ({
  ...{ id, outcome, profile: "core", rules: ["A3-1"], durationMs: 1.5 },
  ...(message === undefined ? {} : { message }),
});

describe("expected failures", () => {
  const expected = [{ id: "a", reason: "known" }];

  it.each([
    ["a failure that is known does not count", [result("a", "failed", "no")], ["a skipped"]],
    ["an entry that passes now is stale", [result("a", "passed")], ["a passed", "expected:a failed"]],
    ["an entry that names no check is stale", [result("b", "passed")], ["b passed", "expected:a failed"]],
    ["an entry whose check is skipped stays", [result("a", "skipped", "not announced")], ["a skipped"]],
    ["another failure counts", [result("a", "failed"), result("b", "failed")], ["a skipped", "b failed"]],
  ])("%s", (_name, results, outcomes) => {
    expect(applyExpected(results, expected).map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(outcomes);
  });
});

describe("reports", () => {
  const run = { subject: 'a "router" <1>', results: [result("x&y", "failed", "a < b\u0001"), result("z", "passed")] };

  it("write JUnit with counts, and nothing that XML cannot hold", () => {
    const xml = junit(run);
    expect(xml).toContain('<testsuite name="core" tests="2" failures="1" skipped="0">');
    expect(xml).toContain('name="x&amp;y" time="0.0015"><failure message="a &lt; b\ufffd"/>');
    expect(xml).not.toContain("\u0001");
  });

  it("write a page with failures first, and escape what came from outside", () => {
    const page = html(run);
    expect(page).toContain("a &quot;router&quot; &lt;1&gt;");
    expect(page.indexOf("x&amp;y")).toBeLessThan(page.indexOf("<td>z</td>"));
  });
});

describe("patterns", () => {
  const saved = new Map<string, unknown>([["token", "t1"]]);

  it.each([
    ["members that are not asked may be there", { a: 1 }, { a: 1, b: 2 }, true],
    ["arrays are whole", [1], [1, 2], false],
    ["$uint", "$uint", 1.5, false],
    ["$absent", { a: "$absent" }, {}, true],
    ["a saved value", { a: "$token" }, { a: "t1" }, true],
    ["$not of a saved value", { a: { $not: "$token" } }, { a: "t1" }, false],
    ["$in with $absent", { a: { $in: ["$absent", 7] } }, {}, true],
    ["$has", { $has: { b: 1 } }, [{ b: 2 }, { b: 1 }], true],
    ["$min", { $min: 3 }, 2, false],
    ["$like", { $like: "^a" }, "ba", false],
    ["an object where a string is", { a: {} }, "x", false],
  ])("%s", (_name, pattern, value, fits) => {
    expect(mismatch(pattern, value, saved) === null).toBe(fits);
  });

  it("fills saved values and the number of a repetition", () => {
    const values = new Map<string, unknown>([...saved, ["i", 3]]);
    expect(filled({ a: "$token", b: ["q$i"], c: 1 }, values)).toEqual({ a: "t1", b: ["q3"], c: 1 });
  });
});

describe("templates", () => {
  it("have exactly one hole", () => {
    expect(() => fillTemplate("{}", "1")).toThrow("without a hole");
    expect(() => fillTemplate("@@ @@", "1")).toThrow("two holes");
  });

  it.each([
    ["x", 20],
    ["é", 20],
    ["😀", 21],
  ])("pad the whole text with %s to so many bytes", (unit, bytes) => {
    const text = fillTemplate('{"a":"@@"}', ['"', { pad_to: bytes, unit }, '"']);
    expect(Buffer.byteLength(text)).toBe(bytes);
    expect(JSON.parse(text)).toHaveProperty("a");
  });
});

describe("faults from a command line", () => {
  it.each([
    [{ t: "cut", after: 3 }, true],
    [{ t: "close", after: 1, code: null, direction: "to-router" }, true],
    [{ t: "close", after: 1 }, false],
    [{ t: "cut" }, false],
    [{ t: "constructor" }, false],
    [{ t: "delay", ms: -1 }, false],
    [null, false],
  ])("%j is one: %s", (value, fits) => {
    expect(isFault(value)).toBe(fits);
  });
});

describe("WebSocket frames", () => {
  it.each([0, 125, 126, 65_535, 65_536])("of %i bytes are read again, however they are cut", (length) => {
    const payload = Buffer.alloc(length, "ab");
    for (const mask of [null, Buffer.from([1, 2, 3, 4])]) {
      const bytes = writeFrame(OPCODE.binary, payload, mask);
      const reader = new FrameReader();
      expect(reader.push(bytes.subarray(0, 1))).toEqual([]);
      const frames = [
        ...reader.push(bytes.subarray(1, bytes.length - 1)),
        ...reader.push(bytes.subarray(bytes.length - 1)),
      ];
      expect(frames).toHaveLength(1);
      expect(frames[0]?.payload.equals(payload)).toBe(true);
      expect(frames[0]?.raw.equals(bytes)).toBe(true);
    }
  });
});
