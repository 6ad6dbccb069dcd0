// npm run test:browser [-- suite ...]: suites in Debian's Chromium. A suite is a file of scripts/browser that exports
// `name` and `run(browser)`, which throws, or resolves with a line of what it saw.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { progress, root } from "./lib.mjs";

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
const browser = await chromium.launch({ executablePath, headless: true, args });
let failed = 0;
try {
  for (const { name, run } of chosen) {
    try {
      progress(`${name}: ${await run(browser)}`);
    } catch (error) {
      failed++;
      progress(`${name} FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
} finally {
  await browser.close();
}
process.stdout.write(`${chosen.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 && chosen.length > 0 ? 0 : 1);
