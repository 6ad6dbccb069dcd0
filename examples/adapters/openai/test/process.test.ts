import { describe, expect, it } from "vitest";
import { start as startProgram } from "../../../router/test/support/process.js";

const start = (env: Readonly<Record<string, string>>) => startProgram("examples/adapters/openai", env);

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
