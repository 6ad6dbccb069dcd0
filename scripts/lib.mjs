// What the root commands share. Plain Node: it runs before anything is installed.
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const began = Date.now();

/** A line of progress on standard error, with the seconds since the command began. */
export function progress(line) {
  process.stderr.write(`[${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s] ${line}\n`);
}

/** Runs a command; resolves with its exit code and, when `capture` is set, its output. */
export function run(command, args, { cwd = root, env = {}, quiet = false, capture = false } = {}) {
  return new Promise((resolve, reject) => {
    const stdout = capture || quiet ? "pipe" : "inherit";
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", ...env },
      stdio: ["ignore", stdout, quiet ? "pipe" : "inherit"],
    });
    let output = "";
    child.stdout?.on("data", (data) => (output += data));
    child.stderr?.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Runs a command that must succeed; on failure its output is shown and the process ends. */
export async function must(title, command, args, options = {}) {
  const { code, output } = await run(command, args, { ...options, quiet: true });
  if (code === 0) return output;
  process.stderr.write(output);
  progress(`${title} failed with code ${code}: ${command} ${args.join(" ")}`);
  process.exit(1);
}

/** Installs the dependencies when they are missing or older than the lock file. */
export async function ensureInstalled() {
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs - 2_000) return;
  if (existsSync(installed)) {
    // A checkout touches the lock file's time without changing it: compare what it asks for.
    const { code } = await run("npm", ["ls", "--all", "--silent"], { quiet: true });
    if (code === 0) return;
  }
  progress("installing dependencies (npm ci)");
  await must("npm ci", "npm", ["ci", "--no-audit", "--no-fund", "--prefer-offline"]);
  progress("dependencies installed");
}

/** Builds every package and example. Declarations are built only when asked: programs run without them. */
export async function ensureBuilt({ types = false } = {}) {
  progress(types ? "building packages and examples" : "building programs");
  await must("build", join(root, "node_modules/.bin/turbo"), [
    "run",
    types ? "build" : "build:js",
    "--output-logs=errors-only",
  ]);
}
