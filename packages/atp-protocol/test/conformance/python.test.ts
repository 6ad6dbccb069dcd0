import { describe, expect, it } from "vitest";
import type { Result } from "../../conformance/src/result.js";
import { runTestee } from "../../conformance/src/run-testee.js";
import { startTestee } from "../../conformance/src/testee/process.js";

const script = new URL("../../../../examples/conformance-python/testee.py", import.meta.url).pathname;

async function run(args: string): Promise<readonly Result[]> {
  const testee = startTestee(`python3 "${script}" ${args}`);
  try {
    return (await runTestee(testee, { profile: "all" })).results;
  } finally {
    await testee.close();
  }
}

const failed = (results: readonly Result[]): string[] =>
  results.filter(({ outcome }) => outcome === "failed").map(({ id, message }) => `${id}: ${message}`);

describe("a client in another language", () => {
  it("A13-2 passes all that it announces, and is skipped by name where it announces nothing", async () => {
    const results = await run("");
    expect(failed(results)).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThan(70);
    expect(results.filter(({ outcome, message }) => outcome === "skipped" && !message)).toEqual([]);
  });

  it.each([
    ["order", /A5\.1-4/],
    ["gap", /client\/gap/],
    ["heartbeat", /client\/answers-heartbeats/],
    ["surrogate", /lone-surrogates/],
    ["signature", /signature\/sig/],
  ])("A13-2 is caught when it breaks %s", async (name, found) => {
    const failures = failed(await run(`--break ${name}`));
    expect(failures.join("\n")).toMatch(found);
  });
});
