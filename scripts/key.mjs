// npm run key -- <id> [--tenant NAME]: a new static key, and the lines that make a router know it.
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { ensureBuilt, ensureInstalled } from "./lib.mjs";

const usage = "usage: npm run key -- <id> [--tenant NAME]\n";
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { tenant: { type: "string", default: "default" }, help: { type: "boolean", short: "h" } },
});
const [id] = positionals;
if (values.help || id === undefined) {
  process.stdout.write(usage);
  process.exit(values.help ? 0 : 2);
}
await ensureInstalled();
if (!existsSync(new URL("../packages/atp-router-core/dist/node/index.js", import.meta.url))) await ensureBuilt();
const { createKey } = await import("../packages/atp-router-core/dist/node/index.js");
try {
  const { key, hash } = createKey(id);
  process.stdout.write(`${key}\n`);
  process.stderr.write(
    `\nThis key is shown once. Add to the file that ATP_CONFIG names:\n\nauth:\n  keys:\n    - { id: ${id}, hash: "${hash}", tenant: ${values.tenant} }\n`,
  );
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
