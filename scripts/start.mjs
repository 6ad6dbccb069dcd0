// Runs one built process in the foreground, in this process: signals and exit codes are its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, ensureInstalled, root } from "./lib.mjs";

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write("usage: node scripts/start.mjs <folder>\n");
  process.exit(2);
}
const main = join(root, folder, "dist", "main.js");
if (!existsSync(main)) {
  await ensureInstalled();
  await ensureBuilt();
}
process.argv.splice(1, 2, main);
await import(pathToFileURL(main).href);
