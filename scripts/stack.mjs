// npm run stack and npm run stack:check: build what the stack needs, then start it.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, must, progress, root } from "./lib.mjs";

await ensureInstalled();
const programs = ["stack", "router", "memory-gateway", "adapter-librarian", "adapter-persona"];
await must("build", join(root, "node_modules/.bin/turbo"), [
  "run",
  "build:js",
  "--output-logs=errors-only",
  ...programs.map((name) => `--filter=@atp-examples/${name}...`),
]);
progress("built");

const child = spawn(process.execPath, [join(root, "examples/stack/dist/main.js"), ...process.argv.slice(2)], {
  stdio: "inherit",
});
// Ctrl-C of a terminal reaches the stack by itself; what is sent to this process alone is passed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
