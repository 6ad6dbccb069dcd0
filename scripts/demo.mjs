// npm run demo: installs what is missing, builds what it needs, then asks a question of a whole stack. Plain Node:
// it runs before anything is installed.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, must, progress, root } from "./lib.mjs";

const help = `usage: npm run demo -- [options] ["your question"]

Starts the memory gateway, three adapters and the router on free loopback ports, asks, and shows the policy decision,
each adapter's estimate, the plan, partials as they come, the consensus, the answer with its citations, and the bill.
Every cited file is opened. Needs no key and no service.

  --json                  print the router's frames as they come, one a line; all else goes to standard error
  --strategy <name>       single, race, cascade, quorum, fanout, clones or auto (fanout)
  --qos <lane>            gold, silver or bronze (gold)
  --max-tokens <n>        ceiling of the question in tokens (20000)
  --max-usd-micros <n>    ceiling of the question in micro-dollars (50000)
  --help                  this text

Exit codes: 0 answered and every quote at its line, 1 failed, 2 wrong usage, 130 interrupted.
`;

const args = process.argv.slice(2);
const options = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
if (options.includes("--help") || options.includes("-h")) {
  process.stdout.write(help);
  process.exit(0);
}

/** What the demo starts, with all that it is made of. */
const programs = ["demo", "router", "memory-gateway", "adapter-librarian", "adapter-persona"];

/** Says every few seconds that a long step is still going on. */
async function patiently(title, step) {
  const timer = setInterval(() => progress(`still ${title}`), 5_000);
  try {
    return await step();
  } finally {
    clearInterval(timer);
  }
}

await patiently("installing", ensureInstalled);
await patiently("building", () => {
  const filters = programs.map((name) => `--filter=@atp-examples/${name}...`);
  return must("build", join(root, "node_modules/.bin/turbo"), [
    "run",
    "build:js",
    "--output-logs=errors-only",
    ...filters,
  ]);
});
progress("built");

const child = spawn(process.execPath, [join(root, "examples/demo/dist/main.js"), ...args], { stdio: "inherit" });
// Ctrl-C reaches the demo by itself; what is sent to this process alone is passed on. It ends when the demo has.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
