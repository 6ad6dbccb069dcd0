import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { PolicyInput } from "../../src/model/index.js";
import { opaPolicy } from "../../src/policy/index.js";
import type { OpaDecisionLog } from "../../src/policy/index.js";

const input = (tenant: string): PolicyInput => ({
  principal: { tenant, subject: "ann", roles: [] },
  task_type: "qa",
  qos: "gold",
  tool_permissions: [],
  data_scope: [],
  strategy: "auto",
  window: {},
  meta: {},
  adapters: [],
});
const options = { deadlineAt: 1_000 };

/** An OPA with its decision log on, that can be told to fail. */
async function opa(): Promise<{ url: string; asked: () => number; fail: (status: number) => void }> {
  let asked = 0;
  let status = 200;
  const server = createServer((_request, response) => {
    response.statusCode = status;
    response.end(JSON.stringify({ result: { allow: true, reasons: [] }, decision_id: `d${++asked}` }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked: () => asked, fail: (next) => (status = next) };
}

describe("decisions of OPA", () => {
  it("carry OPA's name of them, and are told to a log with tenant, time and reasons", async () => {
    const { url } = await opa();
    const told: OpaDecisionLog[] = [];
    let now = 0;
    const policy = opaPolicy({ url, onDecision: (log) => told.push(log), now: () => (now += 5) });
    expect(await policy.decide(input("acme"), options)).toMatchObject({ allow: true, decisionId: "d1" });
    expect(told).toEqual([{ decisionId: "d1", allow: true, reasons: [], tenant: "acme", ms: 5, cached: false }]);
  });

  it("are asked each time without a cache", async () => {
    const { url, asked } = await opa();
    const policy = opaPolicy({ url });
    await policy.decide(input("acme"), options);
    await policy.decide(input("acme"), options);
    expect(asked()).toBe(2);
  });

  it("with a cache count again for the same input, for so long and no longer", async () => {
    const { url, asked } = await opa();
    let now = 0;
    const policy = opaPolicy({ url, cacheMs: 1_000, now: () => now });
    expect(await policy.decide(input("acme"), options)).toMatchObject({ decisionId: "d1" });
    now = 999;
    expect(await policy.decide(input("acme"), options)).toMatchObject({ decisionId: "d1" });
    expect(await policy.decide(input("beta"), options)).toMatchObject({ decisionId: "d2" });
    now = 1_000;
    expect(await policy.decide(input("acme"), options)).toMatchObject({ decisionId: "d3" });
    expect(asked()).toBe(3);
  });

  it("never keep a failure", async () => {
    const { url, fail } = await opa();
    const policy = opaPolicy({ url, cacheMs: 1_000, now: () => 0 });
    fail(500);
    await expect(policy.decide(input("acme"), options)).rejects.toThrow("OPA answered 500");
    fail(200);
    expect(await policy.decide(input("acme"), options)).toMatchObject({ allow: true });
  });
});
