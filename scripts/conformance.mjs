// npm run conformance -- [options]: builds what is needed, then proves the packages, a running router or a stranger's program.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureInstalled, must, progress, root } from "./lib.mjs";

const HELP = `usage: npm run conformance -- [options]

  (nothing)            the TypeScript codec and endpoint, and the librarian adapter
  --url ws://HOST/ws   a running router, such as that of \`npm run router\`; --token for one that asks for credentials
  --testee COMMAND     a program that speaks the testee protocol, such as "python3 examples/conformance-python/testee.py"
  --adapter http://…   a running adapter
  --coverage           write docs/spec/coverage.md: every MUST with its checks

  --profile NAME       core, resume, flow, fragment, auth, adapter or all (default all)
  --only TEXT          only checks whose id contains the text
  --expected FILE      known failures, [{id, reason}]; an entry that no longer fails is a failure
  --reports FOLDER     where reports go (default reports)
  --quiet              failures and the summary only
  --help
`;

function read() {
  try {
    return parseArgs({
      options: {
        url: { type: "string" },
        token: { type: "string" },
        key: { type: "string" },
        testee: { type: "string" },
        adapter: { type: "string" },
        coverage: { type: "boolean", default: false },
        profile: { type: "string", default: "all" },
        only: { type: "string" },
        expected: { type: "string" },
        reports: { type: "string", default: "reports" },
        quiet: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

/** Runs the suite's program in this terminal; resolves with its exit code. */
function suite(args) {
  const cli = join(root, "packages/atp-protocol/dist/conformance/cli.js");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { stdio: "inherit" });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/** Starts a built program of `examples/` on a free port; resolves with its URL once it listens. */
function start(folder) {
  const child = spawn(process.execPath, [join(root, folder, "dist/main.js")], {
    env: { PATH: process.env.PATH ?? "", PORT: "0", LOG_LEVEL: "error" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
      const found = /^listening on (http:\/\/\S+)$/m.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${folder} ended with code ${code}`)));
  });
  return { url, stop: () => child.kill("SIGTERM") };
}

const values = read();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
await ensureInstalled();
const wantsAdapter = (values.profile === "all" || values.profile === "adapter") && !values.coverage;
const self = values.url === undefined && values.testee === undefined && values.adapter === undefined;
progress("building the suite");
await must("build", join(root, "node_modules/.bin/turbo"), [
  "run",
  "build:js",
  "--output-logs=errors-only",
  "--filter=atp-protocol",
  ...(self && wantsAdapter ? ["--filter=@atp-examples/adapter-librarian..."] : []),
]);

if (values.coverage) {
  const requirements = join(root, "docs/spec/requirements.json");
  process.exit(
    await suite(["coverage", "--requirements", requirements, "--write", join(root, "docs/spec/coverage.md")]),
  );
}

const reports = join(root, values.reports);
mkdirSync(reports, { recursive: true });
const common = ["--profile", values.profile];
for (const name of ["only", "token", "key"]) if (values[name] !== undefined) common.push(`--${name}`, values[name]);
if (values.quiet) common.push("--quiet");
const expected = values.expected === undefined ? [] : ["--expected", values.expected];
if (values.expected !== undefined && !existsSync(values.expected)) {
  process.stderr.write(`there is no file ${values.expected}\n`);
  process.exit(2);
}
const codes = [];
const run = async (name, args) => codes.push(await suite([...args, ...common, "--reports", join(reports, name)]));

if (values.url !== undefined) await run("server", ["server", "--url", values.url, ...expected]);
if (values.testee !== undefined) await run("testee", ["testee", "--command", values.testee, ...expected]);
if (values.adapter !== undefined) await run("adapter", ["adapter", "--url", values.adapter, ...expected]);
if (self && values.profile !== "adapter") await run("self", ["self", ...expected]);
if (self && wantsAdapter && values.only === undefined) {
  const librarian = start("examples/adapters/librarian");
  try {
    await run("adapter", ["adapter", "--url", await librarian.url]);
  } finally {
    librarian.stop();
  }
}
progress(`reports are in ${values.reports}/`);
process.exit(codes.every((code) => code === 0) ? 0 : 1);
