import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { PolicyInput } from "../../src/model/index.js";
import { celPolicy, opaPolicy } from "../../src/policy/index.js";

interface Case {
  readonly name: string;
  readonly tool_permissions: readonly string[];
  readonly allow: boolean;
  readonly reasons: readonly string[];
}

const cases = JSON.parse(readFileSync(new URL("../../policy/cases.json", import.meta.url), "utf8")) as Case[];

function input(more: Partial<PolicyInput> = {}): PolicyInput {
  return {
    principal: { tenant: "default", subject: "anonymous", roles: [] },
    task_type: "qa",
    qos: "gold",
    tool_permissions: [],
    data_scope: [],
    strategy: "auto",
    window: { max_tokens: 1000 },
    meta: {},
    adapters: [],
    ...more,
  };
}

const options = { deadlineAt: 1_000 };
/** Of tests that are not about being late: a busy machine must not fail them, nor be what makes them pass. */
const PATIENT_MS = 10_000;
const servers: Server[] = [];

/** A stub that keeps the contract of OPA's data API: POST with `{input}`, 200 with `{result}` or without. */
async function opaStub(
  answer: (input: PolicyInput) => { status?: number; body?: unknown; text?: string; never?: boolean },
): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url === "/health") {
        response.end("{}");
        return;
      }
      const {
        status = 200,
        body = {},
        text = JSON.stringify(body),
        never = false,
      } = answer((JSON.parse(Buffer.concat(chunks).toString()) as { input: PolicyInput }).input);
      if (never) return;
      response.writeHead(status, { "content-type": "application/json" }).end(text);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe("the default policy", () => {
  it.each(cases)("CEL: $name", async ({ tool_permissions, allow, reasons }) => {
    expect(await celPolicy().decide(input({ tool_permissions }), options)).toEqual({ allow, reasons, engine: "cel" });
  });

  it.each(cases)("OPA over REST: $name", async ({ tool_permissions, allow, reasons }) => {
    const url = await opaStub((asked) => {
      const denied = asked.tool_permissions.filter((tool) => tool !== "fs.read");
      return {
        body: { result: { allow: denied.length === 0, reasons: denied.map((tool) => `tool ${tool} is not allowed`) } },
      };
    });
    expect(await opaPolicy({ url, timeoutMs: PATIENT_MS }).decide(input({ tool_permissions }), options)).toEqual({
      allow,
      reasons,
      engine: "opa",
    });
  });
});

describe("CEL rules", () => {
  it("deny with their reason, each differing in one thing", async () => {
    const policy = celPolicy({
      rules: [{ expr: 'input.qos != "gold" || "vip" in input.principal.roles', reason: "gold is for vip" }],
    });
    expect(await policy.decide(input(), options)).toMatchObject({ allow: false, reasons: ["gold is for vip"] });
    expect(await policy.decide(input({ qos: "silver" }), options)).toMatchObject({ allow: true });
    expect(
      await policy.decide(input({ principal: { tenant: "default", subject: "x", roles: ["vip"] } }), options),
    ).toMatchObject({ allow: true });
  });

  it("cap lane and window, and the stricter of two counts", async () => {
    const policy = celPolicy({
      rules: [
        { expr: '{"allow": true, "lane": "silver", "window": {"max_tokens": 500, "max_parallel": 4}}' },
        { expr: '{"allow": true, "lane": "bronze", "window": {"max_tokens": 700}, "require_tags": ["eu"]}' },
      ],
    });
    expect(await policy.decide(input(), options)).toMatchObject({
      allow: true,
      lane: "bronze",
      window: { tokens: 500, parallel: 4 },
      requireTags: ["eu"],
    });
  });

  it("that do not compile are named at once", () => {
    expect(() => celPolicy({ rules: [{ expr: "input.qos ==" }] })).toThrow(/"input.qos ==" does not compile/);
  });

  it("that fail or answer what is no decision throw, so that the router denies", () => {
    expect(() => celPolicy({ rules: [{ expr: "input.nothing.there == 1" }] }).decide(input(), options)).toThrow(
      /failed/,
    );
    expect(() => celPolicy({ rules: [{ expr: '"yes"' }] }).decide(input(), options)).toThrow(/no decision/);
  });
});

describe("OPA fails closed", () => {
  it.each([{}, null, { decision_id: "d-1" }])("an undefined rule, answered by %j, is a denial", async (body) => {
    const url = await opaStub(() => ({ body }));
    expect(await opaPolicy({ url, timeoutMs: PATIENT_MS }).decide(input(), options)).toMatchObject({ allow: false });
  });

  it("a denial without a reason gets one", async () => {
    const url = await opaStub(() => ({ body: { result: { allow: false, reasons: [] } } }));
    const { allow, reasons } = await opaPolicy({ url, timeoutMs: PATIENT_MS }).decide(input(), options);
    expect(allow).toBe(false);
    expect(reasons).toHaveLength(1);
  });

  it.each<{ name: string; answer: Parameters<typeof opaStub>[0]; timeoutMs?: number }>([
    { name: "an error status", answer: () => ({ status: 500 }) },
    { name: "an answer that is no decision", answer: () => ({ body: { result: "allow" } }) },
    { name: "an allowance that is a text", answer: () => ({ body: { result: { allow: "true" } } }) },
    { name: "a list", answer: () => ({ body: { result: [{ allow: true }] } }) },
    { name: "null as its result", answer: () => ({ body: { result: null } }) },
    { name: "what is no JSON", answer: () => ({ text: "<html>allow</html>" }) },
    { name: "half an answer", answer: () => ({ text: '{"result":{"allow":true' }) },
    { name: "nothing", answer: () => ({ text: "" }) },
    { name: "no answer in time", answer: () => ({ never: true }), timeoutMs: 50 },
  ])("$name throws", async ({ answer, timeoutMs = PATIENT_MS }) => {
    const url = await opaStub(answer);
    await expect(opaPolicy({ url, timeoutMs }).decide(input(), options)).rejects.toThrow();
  });

  it("nobody there throws, and is not ready", async () => {
    const policy = opaPolicy({ url: "http://127.0.0.1:1" });
    await expect(policy.decide(input(), options)).rejects.toThrow();
    await expect(policy.ready?.()).rejects.toThrow();
  });
});
