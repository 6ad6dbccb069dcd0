/** `npm run stack` and `npm run stack:check`. */
import { fileURLToPath } from "node:url";
import { Processes } from "../../demo/src/processes.js";
import { runChecks } from "./checks.js";
import { type Stack, startStack } from "./stack.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const began = performance.now();
const processes = new Processes(root);
const checking = process.argv.includes("--check");
let stack: Stack | undefined;
let stopping: Promise<void> | undefined;

function stop(code: number): Promise<void> {
  stopping ??= (async () => {
    await processes.stop();
    await stack?.close();
    process.exit(code);
  })();
  return stopping;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(checking ? 130 : 0));
processes.onDeath = (name, why) => {
  process.stderr.write(`${name} ${why}\n`);
  void stop(1);
};

try {
  stack = await startStack(processes, root);
  for (const { name, url, note } of stack.parts) {
    process.stdout.write(`${name.padEnd(15)} ${(url ?? "-").padEnd(24)} ${note ?? ""}`.trimEnd() + "\n");
  }
  process.stdout.write(`ready in ${((performance.now() - began) / 1_000).toFixed(1)} s\n`);
  if (checking) {
    const { held, failed, notRun } = await runChecks(stack, (line) => process.stdout.write(`${line}\n`));
    process.stdout.write(`${held} checks hold, ${failed} failed, ${notRun} not run\n`);
    await stop(failed === 0 ? 0 : 1);
  } else {
    const token = await stack.issuer.token({ tenant: "acme", subject: "you" });
    process.stdout.write(`token of tenant acme, for an hour: ${token}\nkey for metrics: ${stack.observerKey}\n`);
    process.stdout.write("Ctrl-C stops them all\n");
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  await stop(1);
}
