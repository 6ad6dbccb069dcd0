import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AdapterService } from "atp-protocol/adapter";
import { describe, expect, it } from "vitest";
import { start as startProgram } from "../../../router/test/support/process.js";

const start = (adapter: string, env: Readonly<Record<string, string>>) =>
  startProgram(`examples/adapters/${adapter}`, env);

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
