import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { isAtpError } from "atp-client";
import { readArgs, UsageError } from "./args.js";
import type { DemoArgs } from "./args.js";
import { ask, askedWith, readBack } from "./ask.js";
import { checkEvidence, unproven } from "./citations.js";
import { Processes } from "./processes.js";
import { startStack } from "./stack.js";
import { View } from "./view.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** @returns the exit code */
async function demo(args: DemoArgs, processes: Processes, view: View): Promise<number> {
  const asked = askedWith(args, randomBytes(4).toString("hex"));
  view.opening(args, asked);
  processes.onDeath = (name, why) => {
    view.say("warn", `${name} ${why}`);
  };
  const stack = await startStack(processes, root, (started) => {
    view.started(started);
  });
  view.asking();
  const final = await ask(stack, args, asked, {
    frame: (frame) => {
      if (args.json) process.stdout.write(`${JSON.stringify(frame)}\n`);
    },
    event: (event, atMs) => {
      view.event(event, atMs);
    },
  });
  const evidence = await checkEvidence(final.consensus?.evidence ?? [], root);
  const checked = [...evidence, ...unproven(final.answer, evidence)];
  const storedBytes = await readBack(stack, asked, final);
  view.result(final, checked, asked, storedBytes);
  const wrong = checked.filter(({ verdict }) => verdict === "wrong");
  if (wrong.length > 0) {
    view.say(
      "bad",
      `${wrong.length} of ${checked.length} citations are not at their line: ${wrong.map(({ locator }) => locator).join(", ")}`,
    );
    return 1;
  }
  if (storedBytes === undefined) {
    view.say("bad", "The answer could not be read back from shared memory.");
    return 1;
  }
  view.goOn();
  return 0;
}

function explain(thrown: unknown): string {
  if (!isAtpError(thrown)) return thrown instanceof Error ? thrown.message : String(thrown);
  const details = thrown.details === undefined ? "" : `\n  details ${JSON.stringify(thrown.details)}`;
  return `${thrown.code}: ${thrown.message}\n  retry ${thrown.retry}, processed ${thrown.processed}${details}`;
}

async function main(): Promise<void> {
  const args = readArgs(process.argv.slice(2));
  const out = args.json ? process.stderr : process.stdout;
  // With frames on standard output, standard error gets plain lines: whoever reads the one does not watch the other.
  const view = new View(args.json ? { write: (text) => out.write(text) } : out, (process.env["NO_COLOR"] ?? "") === "");
  const processes = new Processes(root);
  let interrupted = false;
  const interrupt = (code: number) => (): void => {
    if (interrupted) process.exit(code);
    interrupted = true;
    view.close();
    void processes.stop().then(() => process.exit(code));
  };
  process.on("SIGINT", interrupt(130));
  process.on("SIGTERM", interrupt(143));
  process.on("SIGHUP", interrupt(129));
  // Whoever reads has gone, as in `npm run demo | head`.
  process.stdout.on("error", interrupt(0));
  try {
    process.exitCode = await demo(args, processes, view);
  } catch (thrown) {
    view.close();
    if (!interrupted) view.say("bad", explain(thrown));
    process.exitCode = 1;
  } finally {
    view.close();
    await processes.stop();
  }
}

try {
  await main();
} catch (thrown) {
  if (!(thrown instanceof UsageError)) throw thrown;
  process.stderr.write(`${thrown.message}\n`);
  process.exitCode = 2;
}
