// `npm run all`: every check, then a look that none of them changed a committed file.
import { join } from "node:path";
import { ensureInstalled, progress, root, run } from "./lib.mjs";

const browserSuites = ["axe", "cut-runs", "page", "tabs"];
const steps = [
  ["generate", "npm", ["run", "generate", "--silent"]],
  ["compatibility", "npm", ["run", "breaking", "--silent", "--workspace", "atp-protocol"]],
  ["specification", process.execPath, ["scripts/spec-requirements.mjs"]],
  ["format", "npm", ["run", "format:check", "--silent"]],
  ["lint", "npm", ["run", "lint", "--silent"]],
  ["types", "npm", ["run", "typecheck", "--silent"]],
  ["import rules", "npm", ["run", "imports", "--silent"]],
  ["build", join(root, "node_modules/.bin/turbo"), ["run", "build", "--output-logs=errors-only"]],
  ["packages", "npm", ["run", "pack-check", "--silent"]],
  ["unused code", "npm", ["run", "unused", "--silent"]],
  ["size of the client", "npm", ["run", "size", "--silent"]],
  // Without the suite that measures and the one that installs an app of its own: `npm run test:browser` runs all of them.
  ["pages in a browser", "npm", ["run", "test:browser", "--silent", "--", ...browserSuites]],
  ["tests", "npm", ["test", "--silent"]],
];

// Continuous integration runs the tests last and by themselves, so that their line is the last one.
if (process.argv.includes("--without-tests")) steps.pop();
await ensureInstalled();
let failed = 0;
for (const [name, command, args] of steps) {
  progress(`${name} ...`);
  const { code } = await run(command, args);
  if (code !== 0) failed++;
  progress(`${name}: ${code === 0 ? "ok" : `FAILED (${code})`}`);
}
const { code } = await run("git", ["diff", "--exit-code", "--stat"]);
if (code !== 0) {
  failed++;
  progress("committed files were changed by a check: commit what it generated");
}
progress(failed === 0 ? `all ${steps.length + 1} checks passed` : `${failed} of ${steps.length + 1} checks failed`);
process.exit(failed === 0 ? 0 : 1);
