import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig as read, routerConfig, routerFromConfig } from "../../src/node/index.js";
import type { ProcessConfig } from "../../src/node/index.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "atp-config-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): { ATP_CONFIG: string } {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  return { ATP_CONFIG: path };
}

type Env = Record<string, string>;

function readConfig(env: Env): ProcessConfig {
  const result = read(env);
  if (!result.ok) throw new Error(result.message);
  return result.config;
}

/** What is said of a configuration that is refused. */
function message(env: Env): string {
  const result = read(env);
  if (result.ok) throw new Error("it was accepted");
  return result.message;
}

/** What a configuration says of its adapters. */
const adaptersOf = (env: Env) =>
  routerConfig(readConfig(env)).adapters.map(({ id, configured }) => ({ id, configured }));

describe("readConfig: environment (D2)", () => {
  it("D1-5, D1-6: needs nothing, and stays on loopback; D2-2: empty is unset", () => {
    const bare = readConfig({});
    expect(bare).toMatchObject({ host: "127.0.0.1", port: 7443, logLevel: "info", adapterEndpoints: [], file: {} });
    expect(routerConfig(bare)).toMatchObject({ adapters: [], policy: { engine: "cel" } });
    expect(routerConfig(bare)).not.toHaveProperty("memory");
    expect(readConfig({ PORT: "", REDIS_URL: " ", ADAPTER_ENDPOINTS: "", OPA_URL: "" })).toEqual(bare);
  });

  it("takes every variable", () => {
    const env = {
      HOST: "localhost",
      PORT: "0",
      LOG_LEVEL: "warn",
      ADAPTER_ENDPOINTS: '["http://127.0.0.1:7070", "https://models.example.com"]',
      MEMORY_GATEWAY_URL: "http://127.0.0.1:8080",
      OPA_URL: "http://127.0.0.1:8181",
    };
    const config = readConfig(env);
    expect(config).toMatchObject({ host: "localhost", port: 0, logLevel: "warn" });
    expect(routerConfig(config)).toMatchObject({ policy: { engine: "opa" }, memory: {} });
    expect(adaptersOf(env).map(({ id }) => id)).toEqual(["http://127.0.0.1:7070", "https://models.example.com"]);
  });

  it.each([
    ["PORT", "70000"],
    ["PORT", "-1"],
    ["PORT", "seven"],
    ["LOG_LEVEL", "loud"],
    ["ADAPTER_ENDPOINTS", "http://127.0.0.1:7070"],
    ["ADAPTER_ENDPOINTS", '{"url":"http://127.0.0.1:7070"}'],
    ["ADAPTER_ENDPOINTS", '["127.0.0.1:7070"]'],
    ["ADAPTER_ENDPOINTS", '["http://127.0.0.1:7070/v1"]'],
    ["ADAPTER_ENDPOINTS", '["http://127.0.0.1:7070", "http://127.0.0.1:7070/"]'],
    ["ADAPTER_ENDPOINTS", "[7070]"],
    ["MEMORY_GATEWAY_URL", "127.0.0.1:8080"],
    ["OPA_URL", "ftp://127.0.0.1"],
  ])("D1-4: %s=%s is refused in one line that names it", (name, value) => {
    const said = message({ [name]: value });
    expect(said.startsWith(name)).toBe(true);
    expect(said).not.toContain("\n");
  });

  it("opens itself to other machines only when anonymous callers are allowed", () => {
    expect(message({ HOST: "0.0.0.0" })).toMatch(/^HOST .*0\.0\.0\.0.*auth\.allow_anonymous/);
    expect(message({ HOST: "0.0.0.0", ...file("auth: { allow_anonymous: false }") })).toMatch(/^HOST/);
    expect(readConfig({ HOST: "0.0.0.0", ...file("auth: { allow_anonymous: true }") }).host).toBe("0.0.0.0");
  });
});

describe("readConfig: file (D3)", () => {
  it("D3-1: takes every key, in YAML and in JSON", () => {
    const value = {
      adapters: [
        {
          url: "http://127.0.0.1:7071",
          name: "cheap",
          tags: ["docs"],
          price: { in: 1, out: 2 },
          max_parallel: 4,
          context_tokens: 8000,
        },
      ],
      routes: [
        {
          match: { task_type: "qa", qos: "gold" },
          strategy: "cascade",
          adapters: ["cheap"],
          tags: ["docs"],
          min_confidence: 0.5,
          min_agreement: 0.6,
          quorum: 3,
          budget: { max_usd_micros: 9 },
        },
      ],
      tenants: {
        acme: {
          budget: { max_parallel: 2, max_tokens: 100, max_usd_micros: 0 },
          lanes: ["silver"],
          allow_tools: ["fs.read", "web"],
        },
        daily: { budget: { max_tokens: 5, period: "day" } },
        lately: { budget: { max_tokens: 5, period: "sliding" } },
        minutely: { budget: { max_tokens: 5, period: "sliding", sliding_s: 60 } },
      },
      lanes: {
        gold: { weight: 5, reserved: 2, wait_share: 0.25 },
        cost: { in: 1, out: 3 },
        preempt: false,
        learn_limits: false,
      },
      limits: {
        max_streams: 8,
        max_concurrent_calls: 16,
        estimate_timeout_ms: 100,
        lease: { max_parallel: 1, max_tokens: 2, max_usd_micros: 3 },
      },
      policy: { engine: "cel", rules: [{ expr: "true", reason: "never" }] },
      allow_tools: ["shell"],
      memory: { url: "http://127.0.0.1:8080", token: "t" },
      server: { allowed_origins: ["https://app.example.com"], allowed_hosts: ["router.lan"] },
    };
    const config = readConfig(file(JSON.stringify(value)));
    expect(config.file).toEqual(value);
    const { adapters, policy, memory, ...rest } = routerConfig(config);
    expect(adapters).toMatchObject([
      {
        id: "http://127.0.0.1:7071",
        configured: {
          name: "cheap",
          tags: ["docs"],
          price: { inPerMtok: 1, outPerMtok: 2 },
          maxParallel: 4,
          contextTokens: 8000,
        },
      },
    ]);
    expect(policy?.engine).toBe("cel");
    expect(memory).toBeDefined();
    expect(rest).toEqual({
      routes: [
        {
          match: { taskType: "qa", qos: "gold" },
          strategy: "cascade",
          adapters: ["cheap"],
          tags: ["docs"],
          minConfidence: 0.5,
          minAgreement: 0.6,
          quorum: 3,
          budget: { usdMicros: 9 },
        },
      ],
      tenants: {
        acme: { budget: { parallel: 2, tokens: 100, usdMicros: 0 }, lanes: ["silver"] },
        daily: { budget: { tokens: 5, period: "day" } },
        lately: { budget: { tokens: 5, period: { slidingMs: 86_400_000 } } },
        minutely: { budget: { tokens: 5, period: { slidingMs: 60_000 } } },
      },
      lanes: {
        gold: { weight: 5, reserved: 2, waitShare: 0.25 },
        cost: { in: 1, out: 3 },
        preempt: false,
        learnLimits: false,
      },
      lease: { max_parallel: 1, max_tokens: 2, max_usd_micros: 3 },
      limits: { max_streams: 8, maxConcurrentCalls: 16, estimateTimeoutMs: 100 },
    });
    expect(readConfig(file("lanes:\n  gold: { weight: 5 }\n")).file).toEqual({ lanes: { gold: { weight: 5 } } });
    expect(readConfig(file(""))).toEqual(readConfig({}));
  });

  it("D3-3: the file's words on an adapter count, wherever it is listed", () => {
    expect(
      adaptersOf({
        ADAPTER_ENDPOINTS: '["http://127.0.0.1:7072", "http://127.0.0.1:7071/"]',
        ...file("adapters: [{ url: 'http://127.0.0.1:7071', name: mine }]"),
      }),
    ).toEqual([
      { id: "http://127.0.0.1:7071", configured: { name: "mine" } },
      { id: "http://127.0.0.1:7072", configured: {} },
    ]);
  });

  it.each([
    ["adaptors: []", "adaptors is not a key"],
    ["adapters: [{ url: 'http://a:1', tag: [x] }]", "adapters.0.tag is not a key"],
    ["adapters: [{ name: x }]", "adapters.0.url:"],
    ["adapters: [{ url: 'grpc://a:1' }]", "adapters.0.url:"],
    ["adapters: [{ url: 'http://a:1' }, { url: 'http://a:1/' }]", "adapters.1.url names http://a:1 a second time"],
    [
      "adapters: [{ url: 'http://a:1', name: x }, { url: 'http://a:2', name: x }]",
      "adapters.1.name x is the name of another",
    ],
    ["adapters: [{ url: 'http://a:1', price: { in: 0.5, out: 1 } }]", "adapters.0.price.in:"],
    ["adapters: [{ url: 'http://a:1', max_parallel: 0 }]", "adapters.0.max_parallel"],
    ["routes: [{ strategy: fanout }]", "routes.0.match:"],
    ["routes: [{ match: {}, strategy: all }]", "routes.0.strategy"],
    ["routes: [{ match: { tenant: x } }]", "routes.0.match.tenant is not a key"],
    ["routes: [{ match: {}, min_agreement: 2 }]", "routes.0.min_agreement"],
    ["tenants: { acme: { budget: { max_token: 1 } } }", "tenants.acme.budget.max_token is not a key"],
    ["tenants: { acme: { budget: { max_tokens: -1 } } }", "tenants.acme.budget.max_tokens"],
    ["tenants: { acme: { budget: { max_tokens: 1.5 } } }", "tenants.acme.budget.max_tokens"],
    ["tenants: { acme: { budget: { max_usd_micros: 1e300 } } }", "tenants.acme.budget.max_usd_micros"],
    ["tenants: { acme: { budget: { period: week } } }", "tenants.acme.budget.period"],
    ["tenants: { acme: { budget: { period: sliding, sliding_s: 0 } } }", "tenants.acme.budget.sliding_s"],
    [
      "tenants: { acme: { budget: { period: day, sliding_s: 60 } } }",
      "tenants.acme.budget.sliding_s is for the period sliding",
    ],
    ["tenants: { acme: { lanes: [platinum] } }", "tenants.acme.lanes.0"],
    ["lanes: { gold: { weight: 0 } }", "lanes.gold.weight"],
    ["lanes:\n  silver: {}\n  gold:\n    reserved: 1\n    weight: 0\n", "yaml line 5: lanes.gold.weight: "],
    ["lanes: { copper: {} }", "lanes.copper is not a key"],
    ["lanes:\n  gold: {}\n  copper: { weight: 1 }", "yaml line 3: lanes.copper is not a key"],
    ["lanes: { gold: { reserved: 300 } }", "lanes reserve 300 slots"],
    [
      "limits: {}\nlanes: { gold: { reserved: 200 }, silver: { reserved: 57 } }",
      "yaml line 2: lanes reserve 257 slots",
    ],
    ["lanes: { gold: { wait_share: 0 } }", "lanes.gold.wait_share"],
    ["lanes: { cost: { in: 0, out: 2 } }", "lanes.cost.in"],
    ["limits: { max_streams: many }", "limits.max_streams:"],
    ["limits: { maxStreamMs: 5 }", "limits.maxStreamMs is not a key"],
    ["limits: { lease: { max_tokens: lots } }", "limits.lease.max_tokens"],
    ["policy: { engine: casbin }", "policy.engine"],
    ["policy: { engine: opa }", "policy.engine is opa"],
    ["policy: { path: /v1/data/x }", "policy.path"],
    ["memory: { token: t }", "memory.token is set"],
    ["- a list", "the file:"],
    ["adapters: [", "Flow sequence"],
    ["lanes: {}\nlanes: {}", "unique"],
  ])("D3-2: %s: %s", (text, says) => {
    const said = message(file(text));
    expect(said).toContain(says);
    expect(said).not.toContain("\n");
  });

  it("never ignores what the chosen policy engine cannot use", () => {
    const opa = { OPA_URL: "http://127.0.0.1:8181" };
    expect(message({ ...opa, ...file("policy: { engine: cel }") })).toContain("policy.engine is cel");
    expect(message({ ...opa, ...file("policy: { rules: [{ expr: 'true' }] }") })).toContain("policy.rules");
    expect(message({ ...opa, ...file("tenants: { a: { allow_tools: [] } }") })).toContain("tenants.a.allow_tools");
  });

  it("says which file is missing", () => {
    expect(message({ ATP_CONFIG: join(folder, "none.yaml") })).toMatch(/^ATP_CONFIG .*none\.yaml.* cannot be read: /);
  });
});

describe("routerFromConfig", () => {
  it("refuses a policy rule that does not compile, by its text", () => {
    const config = readConfig(file("policy: { rules: [{ expr: 'input.qos ==' }] }"));
    expect(() => routerFromConfig(config)).toThrow(/policy rule .*input\.qos ==/);
  });

  it("D4-8: asks each tenant's own list of tools", async () => {
    const config = readConfig({
      ADAPTER_ENDPOINTS: '["http://127.0.0.1:9"]',
      ...file("tenants: { default: { allow_tools: [web] } }"),
    });
    const router = routerFromConfig(config);
    const ask = (tool: string) =>
      router.explain(
        { meta: { tool_permissions: [tool] }, payload: { type: "agent.request", content: { prompt: "p" } } },
        {},
      );
    expect(await ask("fs.read")).toMatchObject({
      error: { code: "EPOLICY", details: { reasons: [expect.stringContaining("fs.read") as string] } },
    });
    expect(await ask("web")).not.toMatchObject({ error: { code: "EPOLICY" } });
    await router.close();
  });

  it("tails: each part with its own names, or off", () => {
    const config = readConfig(
      file("tails: {hedge: {quantile: 0.9, floor_ms: 5}, retry: off, restart: [gold], breaker: {in_a_row: 3}}"),
    );
    expect(routerConfig(config).tails).toEqual({
      hedge: { quantile: 0.9, floorMs: 5 },
      retry: "off",
      restart: ["gold"],
      breaker: { inARow: 3 },
    });
  });

  it.each([
    ["tails: {hedge: {quantile: 2}}", "tails.hedge.quantile"],
    ["tails: {hedge: {lanes: [bronze]}}", "tails.hedge.lanes.0"],
    ["tails: {retry: {maximum: 2}}", "tails.retry.maximum"],
    ["tails: {breaker: never}", "tails.breaker"],
    ["tails: {restart: [iron]}", "tails.restart.0"],
  ])("%s is refused by its path %s", (text, path) => {
    expect(message(file(text))).toContain(`${path}`);
  });
});
