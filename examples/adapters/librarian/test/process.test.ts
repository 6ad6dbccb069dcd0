import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { start as startProgram } from "../../../router/test/support/process.js";

const fixtureDocs = fileURLToPath(new URL("./fixture/docs", import.meta.url));

const start = (env: Readonly<Record<string, string>>) => startProgram("examples/adapters/librarian", env);

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
      { HOST: "192.0.2.1", PORT: "0", ALLOW_ANONYMOUS: "true" },
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
