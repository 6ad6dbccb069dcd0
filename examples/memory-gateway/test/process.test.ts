import { describe, expect, it } from "vitest";
import { start as startProgram } from "../../router/test/support/process.js";

const start = (env: Readonly<Record<string, string>>) => startProgram("examples/memory-gateway", env);

describe("the process (part D)", () => {
  it("says where it listens, serves, logs JSON lines, and exits 0 on SIGTERM", async () => {
    const { child, ready, ended } = start({ PORT: "0", LOG_LEVEL: "debug" });
    const url = await ready;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const written = await fetch(`${url}/v1/memory/t/k`, { method: "PUT", body: '{"object":{"a":1}}' });
    expect(written.status).toBe(201);
    expect(await (await fetch(`${url}/v1/memory/t/k`)).json()).toEqual({ object: { a: 1 } });
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(0);
    expect(stdout).toBe(`listening on ${url}\n`);
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.map((line) => line.msg)).toEqual(expect.arrayContaining(["answered", "draining"]));
  });

  it.each([
    ["a bad PORT", { PORT: "abc" }, /^cannot start: PORT must be an integer from 0 to 65535, got "abc"\n$/],
    [
      "a variable it lacks",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://x" },
      /^cannot start: OTEL_EXPORTER_OTLP_ENDPOINT is set, but this build lacks telemetry export.*\n$/,
    ],
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
    expect(stderr).toBe(`cannot start: PORT ${port} on 127.0.0.1 is in use: set PORT to a free one, or to 0 for any\n`);
  });
});
