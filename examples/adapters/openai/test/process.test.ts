import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** Starts the built program with nothing in its environment but what is given. */
function start(env: Record<string, string>) {
  if (!existsSync(program)) throw new Error(`${program} is not built: run \`npm run build\` first`);
  const child = spawn(process.execPath, [program], { env: { PATH: process.env["PATH"] ?? "", ...env } });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.on("close", (code) => resolve({ code, stdout, stderr })),
  );
  const url = new Promise<string>((resolve) =>
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
      const ready = /^listening on (http:\/\/\S+)$/m.exec(stdout);
      if (ready?.[1] !== undefined) resolve(ready[1]);
    }),
  );
  const ready = Promise.race([url, ended.then(({ stderr: text }) => Promise.reject(new Error(text)))]);
  ready.catch(() => undefined);
  return { child, ready, ended };
}

const env = { OPENAI_BASE_URL: "http://127.0.0.1:9/v1" };

describe("the process (part D)", () => {
  it("starts without asking anybody, and exits 0 on SIGTERM", async () => {
    const { child, ready, ended } = start({ PORT: "0", ...env });
    const url = await ready;
    child.kill("SIGTERM");
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).toBe(`listening on ${url}\n`);
  });

  it.each([
    [
      "neither key nor URL",
      {},
      /^cannot start: set OPENAI_API_KEY, or OPENAI_BASE_URL for another OpenAI-compatible server\n$/,
    ],
    ["a bad PORT", { ...env, PORT: "abc" }, /^cannot start: PORT must be an integer from 0 to 65535, got "abc"\n$/],
  ])("refuses %s in one line", async (_name, variables, line) => {
    const { code, stdout, stderr } = await start(variables).ended;
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(line);
  });
});
