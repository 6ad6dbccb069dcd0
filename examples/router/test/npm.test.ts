import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Lines of a stream until one of them matches. */
async function lineOf(stream: NodeJS.ReadableStream, wanted: RegExp): Promise<string> {
  let text = "";
  for await (const data of stream) {
    text += String(data);
    const found = text.split("\n").find((line) => wanted.test(line));
    if (found !== undefined) return found;
  }
  throw new Error(`no line ${wanted} in ${JSON.stringify(text)}`);
}

describe("npm run", () => {
  it.each(["router", "memory-gateway", "adapter:librarian"])(
    "D1: passes SIGTERM on to %s, which ends with 0",
    async (script) => {
      const npm = spawn("npm", ["run", "--silent", script], {
        cwd: root,
        env: { PATH: process.env["PATH"], HOME: process.env["HOME"], PORT: "0" },
        stdio: ["ignore", "pipe", "ignore"],
      });
      const exited = once(npm, "exit");
      const listening = await lineOf(npm.stdout, /^listening on http:\/\/127\.0\.0\.1:\d+$/);
      npm.kill("SIGTERM");
      expect(await exited).toEqual([0, null]);
      // Nothing was left behind that still answers.
      await expect(fetch(`${listening.replace("listening on ", "")}/healthz`)).rejects.toThrow();
    },
  );
});
