// npm run policy:test: both Rego policies against their tables of cases, by `opa test`, where OPA is on the PATH.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./lib.mjs";

const folder = join(root, "packages/atp-router-core/policy");
const base = {
  principal: { tenant: "default", subject: "anonymous", roles: [] },
  task_type: "qa",
  qos: "silver",
  tool_permissions: [],
  data_scope: [],
  strategy: "auto",
  window: {},
  meta: {},
  adapters: [],
};

/** One Rego test a case. JSON is Rego's own notation of values. */
function testsOf(name, rule, cases) {
  const tests = cases.map(
    (c, i) =>
      `# ${c.name}\ntest_case_${i + 1} if {\n\t${rule} == ${JSON.stringify(c.decision)} with input as ${JSON.stringify({ ...base, ...c.input })}\n}\n`,
  );
  return `package ${name}_test\n\nimport rego.v1\n\n${tests.join("\n")}`;
}

const read = (file) => JSON.parse(readFileSync(join(folder, file), "utf8"));
const tables = {
  policy: testsOf(
    "atp",
    "data.atp.decision",
    read("cases.json").map(({ name, tool_permissions, allow, reasons }) => ({
      name,
      input: { tool_permissions },
      decision: { allow, reasons },
    })),
  ),
  example: testsOf("atp.example", "data.atp.example.decision", read("example-cases.json")),
};

if (process.argv.includes("--print")) {
  process.stdout.write(Object.values(tables).join("\n"));
  process.exit(0);
}
const version = spawnSync("opa", ["version"], { encoding: "utf8" });
if (version.error !== undefined) {
  process.stdout.write("not run: no opa\n");
  process.exit(0);
}
const work = mkdtempSync(join(tmpdir(), "atp-rego-"));
try {
  for (const [name, text] of Object.entries(tables)) writeFileSync(join(work, `${name}_test.rego`), text);
  const { status } = spawnSync(
    "opa",
    ["test", "--verbose", join(folder, "policy.rego"), join(folder, "example.rego"), work],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(work, { recursive: true });
}
