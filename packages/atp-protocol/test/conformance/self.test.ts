import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dataFolder, readTraces, readVectors } from "../../conformance/src/data.js";
import { applyExpected, readExpected } from "../../conformance/src/expected.js";
import type { Result } from "../../conformance/src/result.js";
import { runTraces } from "../../conformance/src/run-traces.js";
import { runVectors } from "../../conformance/src/run-vectors.js";
import { readAbout } from "../../conformance/src/testee/protocol.js";
import { createTypescriptTestee } from "../../conformance/src/testee/typescript.js";

const testee = createTypescriptTestee();
const about = readAbout(await testee.ask({ op: "about" }));
const failed = (results: readonly Result[]): string[] =>
  results.filter(({ outcome }) => outcome === "failed").map(({ id, message }) => `${id}: ${message}`);

describe("the suite against the TypeScript testee", () => {
  it("A13-2 every vector holds, and none is skipped", async () => {
    const results = await runVectors(readVectors(), testee, about);
    expect(failed(results)).toEqual([]);
    expect(results.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  });

  it("A13-2 every trace holds on both sides, but for the failures that are written down", async () => {
    const traces = readTraces();
    const results = applyExpected(
      await runTraces(traces, testee, about),
      readExpected(join(dataFolder, "expected-failures.json")),
    );
    expect(failed(results)).toEqual([]);
    const reasons = results.filter(({ outcome }) => outcome === "skipped").map(({ message }) => message);
    expect(reasons.filter((reason) => !/^(only for a live router|expected failure)/.test(reason ?? ""))).toEqual([]);
  });
});
