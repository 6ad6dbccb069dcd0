import { afterEach, describe, expect, it } from "vitest";
import { createMetrics, listen } from "../../src/node/index.js";
import type { Listener } from "../../src/node/index.js";
import { createMemoryLedgerStore, createRouter, systemClock } from "../../src/runtime/index.js";
import type { RouterConfig } from "../../src/runtime/index.js";
import type { Principal } from "../../src/model/index.js";
import { StoreUnavailable } from "../../src/ports/index.js";

const people: Readonly<Record<string, Principal>> = {
  ann: { tenant: "acme", subject: "ann", roles: [], scopes: ["observe"] },
  bob: { tenant: "bolt", subject: "bob", roles: [] },
  ops: { tenant: "ops", subject: "prometheus", roles: [], scopes: ["observe", "atp:operate"] },
};

describe("GET /v1/budgets and the gauges of GET /metrics", () => {
  let listener: Listener | undefined;
  afterEach(async () => listener?.close());

  async function start(more: Partial<RouterConfig> = {}): Promise<string> {
    const clock = { ...systemClock(), wall: () => Date.parse("2026-11-23T12:00:00Z") };
    const ledger = createMemoryLedgerStore(clock);
    const router = createRouter({
      adapters: [],
      ledger,
      clock,
      tenants: {
        acme: { budget: { parallel: 2, usdMicros: 1_000, period: "day" } },
        bolt: { budget: { tokens: 50 } },
      },
      ...more,
    });
    const scope = {
      source: "tenant" as const,
      key: "tenant:acme@2026-11-23",
      limits: { parallel: 2, usdMicros: 1_000 },
    };
    await ledger.reserve("spent", [scope], { parallel: 1, tokens: 5, usdMicros: 400 }, 60_000);
    await ledger.settle("spent", { tokens: 5, usdMicros: 300 });
    await ledger.reserve("running", [scope], { parallel: 1, tokens: 7, usdMicros: 200 }, 60_000);
    const metrics = createMetrics();
    metrics.follow(router);
    listener = await listen(router, { port: 0, metrics });
    return listener.url;
  }
  const identity: Partial<RouterConfig> = {
    identity: { authenticate: async ({ token }) => ({ principal: people[token ?? ""] as Principal }) },
  };
  const get = async (url: string, who?: string): Promise<Response> =>
    fetch(url, { headers: who === undefined ? {} : { authorization: `Bearer ${who}` } });
  const budgets = async (url: string, who?: string): Promise<Record<string, unknown>> =>
    ((await (await get(`${url}/v1/budgets`, who)).json()) as { tenants: Record<string, unknown> }).tenants;

  it("C1 tell limits, posted, reserved, left, the period and its end", async () => {
    const tenants = await budgets(await start());
    expect(tenants).toEqual({
      default: {
        limits: {},
        posted: { parallel: 0, tokens: 0, usd_micros: 0 },
        reserved: { parallel: 0, tokens: 0, usd_micros: 0 },
        left: {},
      },
      acme: {
        limits: { max_parallel: 2, max_usd_micros: 1_000 },
        posted: { parallel: 0, tokens: 5, usd_micros: 300 },
        reserved: { parallel: 1, tokens: 7, usd_micros: 200 },
        left: { max_parallel: 1, max_usd_micros: 500 },
        period: "day",
        resets_at: "2026-11-24T00:00:00.000Z",
      },
      bolt: {
        limits: { max_tokens: 50 },
        posted: { parallel: 0, tokens: 0, usd_micros: 0 },
        reserved: { parallel: 0, tokens: 0, usd_micros: 0 },
        left: { max_tokens: 50 },
      },
    });
  });

  it.each([
    ["ann", ["acme"]],
    ["bob", ["bolt"]],
    ["ops", ["default", "acme", "bolt"]],
  ])("show %s the tenants %j and no other", async (who, names) => {
    const url = await start(identity);
    expect(Object.keys(await budgets(url, who))).toEqual(names);
    const text = await (await get(`${url}/metrics`, who)).text();
    const told = new Set([...text.matchAll(/atp_budget_posted\{tenant="([^"]+)"/g)].map((m) => m[1]));
    expect([...told]).toEqual(names);
  });

  it("become gauges by tenant and dimension; what is unlimited has none", async () => {
    const text = await (await get(`${await start()}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith("atp_budget") && line.includes("acme"));
    expect(lines).toContain('atp_budget_limit{tenant="acme",dimension="usd_micros"} 1000');
    expect(lines).toContain('atp_budget_posted{tenant="acme",dimension="usd_micros"} 300');
    expect(lines).toContain('atp_budget_reserved{tenant="acme",dimension="usd_micros"} 200');
    expect(lines).toContain('atp_budget_left{tenant="acme",dimension="usd_micros"} 500');
    expect(lines.filter((line) => line.includes('dimension="tokens"')).join()).not.toContain("limit");
    expect(text).toMatch(/atp_budget_resets_timestamp_seconds\{tenant="acme"\} \d{10}/);
    expect(text).toContain("# TYPE atp_streams_total counter");
  });

  it("are absent while the store is away, and the other metrics stay", async () => {
    const clock = systemClock();
    const gone = (): Promise<never> => Promise.reject(new StoreUnavailable("away", "no"));
    const ledger = { ...createMemoryLedgerStore(clock), read: gone };
    const router = createRouter({ adapters: [], ledger, clock });
    const metrics = createMetrics();
    metrics.follow(router);
    listener = await listen(router, { port: 0, metrics });
    const text = await (await get(`${listener.url}/metrics`)).text();
    expect(text).not.toContain("atp_budget");
    expect(text).toContain("# TYPE atp_streams_total counter");
  });
});
