// npm run test:browser [-- suite ...]: suites in Debian's Chromium. A suite is a file of scripts/browser that exports
// `name` and `run(browser)`, which throws, or resolves with a line of what it saw. Suites run beside each other, but those that
// export `alone`, because they measure.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { buildOnce } from "./browser/support/build.mjs";
import { ensureInstalled, progress, root } from "./lib.mjs";

// Suites import what is installed and built here, so they are loaded behind it.
await ensureInstalled();
await buildOnce();
const { chromium } = await import("playwright-core");

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const folder = join(root, "scripts/browser");
const wanted = process.argv.slice(2);
const suites = await Promise.all(
  readdirSync(folder)
    .filter((file) => file.endsWith(".suite.mjs"))
    .sort()
    .map((file) => import(join(folder, file))),
);
const chosen = suites.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
if (!existsSync(executablePath)) {
  const must = process.env.ATP_REQUIRE_ALL === "1";
  const names = chosen.map(({ name }) => name).join(", ");
  progress(
    `no Chromium at ${executablePath}: ${names} ${must ? "must not be skipped" : "skipped"}; CHROMIUM names another`,
  );
  process.stdout.write(`0 passed, ${must ? chosen.length : 0} failed, ${must ? 0 : chosen.length} skipped\n`);
  process.exit(must ? 1 : 0);
}
const browser = await chromium.launch({ executablePath, headless: true, args });
let failed = 0;
const runOne = async ({ name, run }) => {
  try {
    progress(`${name}: ${await run(browser)}`);
  } catch (error) {
    failed++;
    progress(`${name} FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
};
try {
  await Promise.all(chosen.filter(({ alone }) => alone !== true).map(runOne));
  for (const suite of chosen.filter(({ alone }) => alone === true)) await runOne(suite);
} finally {
  await browser.close();
}
process.stdout.write(`${chosen.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 && chosen.length > 0 ? 0 : 1);
