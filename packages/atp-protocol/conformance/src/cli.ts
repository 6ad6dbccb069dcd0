#!/usr/bin/env node
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runAdapter } from "./adapter/run-adapter.js";
import { coverageTable } from "./coverage.js";
import { dataFolder } from "./data.js";
import { applyExpected, readExpected } from "./expected.js";
import { type Fault, isFault, startFaultProxy } from "./fault-proxy.js";
import { runHttp } from "./live/run-http.js";
import { runIntegrity } from "./live/run-integrity.js";
import { runServer } from "./live/run-server.js";
import { countOf, writeReports } from "./report.js";
import { profiles, type Result } from "./result.js";
import { runTestee } from "./run-testee.js";
import { startTestee } from "./testee/process.js";
import { serveTestee } from "./testee/serve.js";
import { createTypescriptTestee } from "./testee/typescript.js";

const HELP = `usage: atp-conformance <command> [options]

  self                          the TypeScript codec and endpoint, in virtual time
  testee --command COMMAND      a program that speaks the testee protocol
  server --url ws://HOST/ws     a running router; --token for one that asks for credentials,
                                --key BASE64 for one that asks for signatures (A10)
  adapter --url http://HOST     a running adapter
  proxy --url ws://HOST/ws      a proxy before a router that breaks connections by --fault, one for each connection
  serve                         be the TypeScript testee, on standard input and output
  coverage [--write FILE]       every MUST with its checks; fails when one has none

options
  --profile NAME    ${profiles.join(", ")} or all (default all)
  --only TEXT       only checks whose id contains the text
  --reports FOLDER  write conformance.json, conformance.xml (JUnit) and conformance.html
  --expected FILE   known failures, [{id, reason}]; an entry that no longer fails is a failure
  --fault JSON      for proxy, repeatable: {"t": "cut", "after": 3}, cut-inside, cut-between-fragments, half-open,
                    duplicate, delay, lifetime, close (see conformance/README.md)
  --requirements F  for coverage: requirements.json of the specification
  --quiet           print failures and the summary only
  --help
`;

class Usage extends Error {}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      command: { type: "string" },
      url: { type: "string" },
      token: { type: "string" },
      key: { type: "string" },
      profile: { type: "string", default: "all" },
      only: { type: "string" },
      reports: { type: "string" },
      expected: { type: "string" },
      fault: { type: "string", multiple: true, default: [] },
      requirements: { type: "string" },
      write: { type: "string" },
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [command] = positionals;
  if (values.help || command === undefined) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  if (values.profile !== "all" && !profiles.some((name) => name === values.profile))
    throw new Usage(`there is no profile ${values.profile}`);
  const choice = { profile: values.profile, only: values.only };
  const url = (): string => {
    if (values.url === undefined) throw new Usage(`${command} needs --url`);
    return values.url;
  };
  switch (command) {
    case "self": {
      const run = await runTestee(createTypescriptTestee(), choice);
      const expected = values.expected ?? join(dataFolder, "expected-failures.json");
      return report(run.name, run.results, { ...values, expected });
    }
    case "testee": {
      if (values.command === undefined) throw new Usage("testee needs --command");
      const testee = startTestee(values.command);
      try {
        const run = await runTestee(testee, choice);
        return report(run.name, run.results, values);
      } finally {
        await testee.close();
      }
    }
    case "server": {
      const target = url();
      const key = readKey(values.key);
      const results = [
        ...(await runServer(target, values.token, choice, key)),
        ...(await runIntegrity({ url: target, token: values.token, key }, choice)),
        ...(await runHttp(target, values.token, choice)),
      ];
      return report(target, results, values);
    }
    case "adapter":
      return report(url(), await runAdapter(url(), choice), values);
    case "proxy": {
      const faults = values.fault.map(readFault);
      const proxy = await startFaultProxy(url());
      proxy.plan(...faults);
      process.stdout.write(`listening on ${proxy.url}\n`);
      await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
      await proxy.close();
      return 0;
    }
    case "serve":
      await serveTestee(createTypescriptTestee());
      return 0;
    case "coverage":
      return coverage(values.requirements, values.write);
    default:
      throw new Usage(`there is no command ${command}`);
  }
}

/** The key of a principal, in base64. */
function readKey(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const key = Buffer.from(text, "base64");
  if (key.length === 0) throw new Usage("--key is a key in base64");
  return key;
}

/** A fault as written on the command line. */
function readFault(text: string): Fault {
  const fault: unknown = JSON.parse(text);
  if (!isFault(fault)) throw new Usage(`${text} is no fault`);
  return fault;
}

interface ReportOptions {
  readonly reports?: string | undefined;
  readonly expected?: string | undefined;
  readonly only?: string | undefined;
  readonly profile: string;
  readonly quiet: boolean;
}

function report(subject: string, found: readonly Result[], options: ReportOptions): number {
  // Of a part of the suite nobody can say that an entry is stale.
  const whole = options.profile === "all" && options.only === undefined;
  const known = options.expected === undefined ? [] : readExpected(options.expected);
  const ids = new Set(found.map(({ id }) => id));
  const results = applyExpected(found, whole ? known : known.filter(({ id }) => ids.has(id)));
  for (const { outcome, id, message } of results) {
    if (outcome === "passed" || (options.quiet && outcome === "skipped")) continue;
    process.stdout.write(`${outcome === "failed" ? "FAILED " : "skipped"} ${id}: ${message ?? ""}\n`);
  }
  const { passed, failed, skipped } = countOf(results);
  process.stdout.write(`${subject}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  if (options.reports !== undefined) writeReports(options.reports, { subject, results });
  if (passed === 0 && failed === 0) process.stdout.write("nothing was proved\n");
  return failed > 0 || passed === 0 ? 1 : 0;
}

function coverage(requirements: string | undefined, target: string | undefined): number {
  if (requirements === undefined) throw new Usage("coverage needs --requirements");
  const { markdown, problems } = coverageTable(requirements);
  if (target === undefined) process.stdout.write(markdown);
  else writeFileSync(target, markdown);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof Usage || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") === true;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage ? `\n${HELP}` : ""}`);
  process.exitCode = usage ? 2 : 1;
}
