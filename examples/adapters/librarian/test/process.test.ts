import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const fixtureDocs = fileURLToPath(new URL("./fixture/docs", import.meta.url));

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

describe("the process (part D)", () => {
  it.each([
    ["the project's documents", {}],
    ["a folder", { DOCS_DIR: fixtureDocs, LIBRARIAN_MODE: "deep" }],
  ])("serves %s, logs JSON lines, and exits 0 on SIGTERM", async (_name, env) => {
    const { child, ready, ended } = start({ PORT: "0", ...env });
    const url = await ready;
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(0);
    expect(stdout).toBe(`listening on ${url}\n`);
    const messages = stderr
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(["ready", "draining"]);
  });

  it.each([
    ["a bad PORT", { PORT: "abc" }, /^cannot start: PORT must be an integer from 0 to 65535, got "abc"\n$/],
    ["a bad LOG_LEVEL", { LOG_LEVEL: "loud" }, /^cannot start: LOG_LEVEL must be one of .*\n$/],
    ["a bad mode", { LIBRARIAN_MODE: "huge" }, /^cannot start: LIBRARIAN_MODE must be shallow or deep, got "huge"\n$/],
    ["a folder that is not there", { DOCS_DIR: "/nonexistent" }, /^cannot start: DOCS_DIR cannot be read: ENOENT.*\n$/],
    ["a bad NAME", { NAME: "a b", PORT: "0" }, /^cannot start: .*name must be 1 to 128 characters.*\n$/],
    [
      "a host of another machine",
      { HOST: "192.0.2.1", PORT: "0" },
      /^cannot start: HOST "192.0.2.1" is not an address of this machine\n$/,
    ],
  ])("refuses %s in one line", async (_name, env, line) => {
    const { code, stdout, stderr } = await start(env).ended;
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(line);
  });

  it("refuses a port that is taken in one line", async () => {
    const port = new URL(await start({ PORT: "0" }).ready).port;
    const { code, stderr } = await start({ PORT: port }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^cannot start: PORT ${port} on 127.0.0.1 is in use.*\n$`));
  });
});
