// `npm test`: installs what is missing, builds, runs every test, and ends with one line: N passed, N failed.
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, progress, root, run } from "./lib.mjs";

await ensureInstalled();
await ensureBuilt();
progress("running the tests");
const report = join(tmpdir(), `atp-test-${process.pid}.json`);
const { code } = await run(process.execPath, [
  join(root, "node_modules/vitest/vitest.mjs"),
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
]);
let passed = 0;
let failed = 0;
let skipped = 0;
try {
  const result = JSON.parse(readFileSync(report, "utf8"));
  passed = result.numPassedTests;
  // A file that could not be loaded has no tests of its own, but is a failure all the same.
  const broken = result.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  failed = result.numFailedTests + broken;
  skipped = result.numPendingTests + result.numTodoTests;
} catch {
  failed = 1;
}
rmSync(report, { force: true });
if (code !== 0 && failed === 0) failed = 1;
if (process.env.ATP_REQUIRE_ALL === "1" && skipped > 0) {
  progress(`${skipped} tests were skipped, and ATP_REQUIRE_ALL=1 allows none`);
  failed += skipped;
  skipped = 0;
}
if (passed === 0 && failed === 0) failed = 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
process.exit(failed === 0 ? 0 : 1);
