// npm run web: installs and builds what is missing, then starts a router with its adapters and serves the page. Plain Node:
// it runs before anything is installed.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, must, progress, root } from "./lib.mjs";

const help = `usage: npm run web -- [options]

Starts two librarians, a persona and the router on free loopback ports, serves the page of examples/web, prints its
address, and stops everything on Ctrl-C. Needs no key and no service.

  --port <n>        port of the page (a free one)
  --router <url>    use this router, such as http://127.0.0.1:7443, and start nothing else
  --adapters <urls> adapters to use instead of the three, separated by commas
  --pace <n>        pieces that an adapter tells in a second (12)
  --help            this text
`;

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) {
  process.stdout.write(help);
  process.exit(0);
}
const programs = ["web", "router", "adapter-librarian", "adapter-persona"];
await ensureInstalled();
progress("building");
const filters = programs.map((name) => `--filter=@atp-examples/${name}...`);
await must("build", join(root, "node_modules/.bin/turbo"), [
  "run",
  "build:js",
  "--output-logs=errors-only",
  ...filters,
]);
progress("built");

const child = spawn(process.execPath, [join(root, "examples/web/dist/main.js"), ...args], { stdio: "inherit" });
// Ctrl-C of a terminal reaches the child by itself; what is sent to this process alone is passed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
