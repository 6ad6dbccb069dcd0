// The app of examples/nextjs, installed and built as a user of the packages would: with its own lock, beside the workspaces.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root, run } from "../../lib.mjs";

const folder = join(root, "examples/nextjs");
const env = { NEXT_TELEMETRY_DISABLED: "1" };

/** Installs and builds the app. The packages come as copies of their builds, with declarations, which must be there. */
export async function buildNext() {
  const step = async (what, command, args, options) => {
    const { code, output } = await run(command, args, { ...options, quiet: true });
    if (code !== 0) throw new Error(`${what} ended with ${code}:\n${output.slice(-4_000)}`);
  };
  const quick = ["--no-audit", "--no-fund", "--prefer-offline"];
  await step("npm ci", "npm", ["ci", ...quick], { cwd: folder });
  await step("next build", join(folder, "node_modules/.bin/next"), ["build"], { cwd: folder, env });
}

/** Starts the built app before a router. @returns its address, and the way to end it */
export async function startNext(routerUrl) {
  const child = spawn(join(folder, "node_modules/.bin/next"), ["start", "-H", "127.0.0.1", "-p", "0"], {
    cwd: folder,
    env: { ...process.env, ...env, ATP_URL: `${routerUrl.replace(/^http/, "ws")}/ws` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /Local:\s+(\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    gone.then(([code]) => reject(new Error(`next start ended with ${code}`)));
  });
  return {
    url,
    close: async () => {
      child.kill("SIGTERM");
      await gone;
    },
  };
}
