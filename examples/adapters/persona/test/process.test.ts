import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AdapterService } from "atp-protocol/adapter";
import { describe, expect, it, onTestFinished } from "vitest";

/** Starts a built example with nothing in its environment but what is given. */
function start(example: string, env: Record<string, string>) {
  const program = fileURLToPath(new URL(`../../${example}/dist/main.js`, import.meta.url));
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

/** The places that an adapter cites for a question. */
async function citations(url: string, prompt: string): Promise<string[]> {
  const client = createClient(AdapterService, createGrpcTransport({ baseUrl: url }));
  for await (const chunk of client.stream({ streamId: "c1", promptJson: JSON.stringify({ prompt }) })) {
    if (chunk.more) continue;
    const { evidence } = JSON.parse(chunk.contentJson) as { evidence: { locator: string }[] };
    return evidence.map(({ locator }) => locator);
  }
  throw new Error("no final");
}

describe("the process (part D)", () => {
  it("answers through a deep librarian with evidence of its own, and exits 0 on SIGTERM", async () => {
    const librarian = start("librarian", { PORT: "0", LIBRARIAN_MODE: "deep" });
    const upstream = await librarian.ready;
    const persona = start("persona", { PORT: "0", UPSTREAM: upstream });
    const url = await persona.ready;
    const question = "How is a budget kept?";
    const [plain, audited] = [await citations(upstream, question), await citations(url, question)];
    expect(plain.length).toBeGreaterThanOrEqual(3);
    expect(audited.length).toBeGreaterThanOrEqual(3);
    expect(audited).not.toEqual(plain);
    expect(audited.some((locator) => !plain.includes(locator))).toBe(true);
    persona.child.kill("SIGTERM");
    const { code, stdout } = await persona.ended;
    expect(code).toBe(0);
    expect(stdout).toBe(`listening on ${url}\n`);
  });

  it.each([
    ["no UPSTREAM", {}, /^cannot start: set UPSTREAM to another adapter .*\n$/],
    ["a bad PORT", { UPSTREAM: "http://127.0.0.1:9", PORT: "abc" }, /^cannot start: PORT must be an integer.*\n$/],
    [
      "a role file that is not there",
      { UPSTREAM: "http://127.0.0.1:9", ROLE_FILE: "/nonexistent" },
      /^cannot start: ROLE_FILE cannot be read.*\n$/,
    ],
  ])("refuses %s in one line", async (_name, env, line) => {
    const { code, stdout, stderr } = await start("persona", env).ended;
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(line);
  });
});
