// npm run audit:verify -- FILE [--key-file FILE] [--expect HASH]: whether an audit log is as it was written.
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ensureBuilt, ensureInstalled } from "./lib.mjs";

const usage = `usage: npm run audit:verify -- FILE [--key-file FILE] [--expect HASH]

  --key-file  the log's key, when it has one (telemetry.audit.key_file)
  --expect    a hash that was noted elsewhere and must be in the log

Exit code: 0 when every record follows the one before, 1 when the log was changed, 2 when it cannot be read.
`;

function given() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        "key-file": { type: "string" },
        expect: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

const { positionals, values } = given();
const [file, more] = positionals;
if (values.help || file === undefined || more !== undefined) {
  (values.help ? process.stdout : process.stderr).write(usage);
  process.exit(values.help ? 0 : 2);
}
await ensureInstalled();
if (!existsSync(new URL("../packages/atp-router-core/dist/node/index.js", import.meta.url))) await ensureBuilt();
const { verifyAuditLog } = await import("../packages/atp-router-core/dist/node/index.js");
try {
  const verdict = await verifyAuditLog(file, {
    ...(values["key-file"] === undefined ? {} : { key: readFileSync(values["key-file"], "utf8").trim() }),
    ...(values.expect === undefined ? {} : { expect: values.expect }),
  });
  if (verdict.ok) {
    process.stdout.write(`ok: ${verdict.records} records, ${verdict.lost} said to be lost, head ${verdict.head}\n`);
  } else {
    process.stdout.write(`changed: line ${verdict.line} ${verdict.reason}\n`);
    process.exitCode = 1;
  }
} catch (error) {
  process.stderr.write(`${file} cannot be read: ${error.message}\n`);
  process.exitCode = 2;
}
