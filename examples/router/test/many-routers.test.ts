import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "atp-client";
import type { AtpClient } from "atp-client";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { startRedis, withoutRedis } from "../../../packages/atp-router-core/test/redis/support/redis-server.js";
import type { RedisServer } from "../../../packages/atp-router-core/test/redis/support/redis-server.js";
import WebSocket from "ws";
import { chunk, foreignAdapter, message } from "./support/foreign-adapter.js";
import { start } from "./support/process.js";
import type { Running } from "./support/process.js";

const PIECES = 20;
const whole = Array.from({ length: PIECES }, (_, i) => `${i};`).join("");

/** An adapter that says a piece each 50 ms, how often it was called, and the most calls that ran at once. */
async function adapter(): Promise<{ url: string; calls: () => number; atOnce: () => number; called: Promise<void> }> {
  let calls = 0;
  let running = 0;
  let most = 0;
  let tell: (() => void) | undefined;
  const called = new Promise<void>((resolve) => (tell = resolve));
  const server = await foreignAdapter({
    estimate: (_, done) => done(null, message([1, 10n], [2, 20n], [3, 30n], [8, 0.8])),
    stream: (call) => {
      calls++;
      most = Math.max(most, ++running);
      tell?.();
      let said = 0;
      const next = setInterval(() => {
        if (said < PIECES) return void call.write(chunk("partial", { text: `${said++};` }, [5, 1n], [6, 3n]));
        clearInterval(next);
        running--;
        call.write(chunk("final", {}, [3, 0.9]));
        call.end();
      }, 50);
      call.on("cancelled", () => {
        clearInterval(next);
        running--;
      });
    },
    health: (_, done) => done(null, message([1, 50])),
  });
  onTestFinished(() => server.close());
  return { url: server.url, calls: () => calls, atOnce: () => most, called };
}

interface Started extends Running {
  readonly url: string;
  readonly file: string;
  log(): string;
}

async function router(config: object | string, env: Record<string, string> = {}): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), "atp-many-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "atp.yaml");
  writeFileSync(file, typeof config === "string" ? config : JSON.stringify(config));
  const running = start("examples/router", { PORT: "0", ATP_CONFIG: file, ...env });
  let log = "";
  running.child.stderr?.on("data", (data: Buffer) => (log += String(data)));
  return { ...running, url: await running.ready, file, log: () => log };
}

async function redisServer(): Promise<RedisServer> {
  const redis = await startRedis();
  onTestFinished(() => redis.dispose());
  return redis;
}

const wait = { timeout: 15_000, interval: 20 };
const ready = async (url: string): Promise<{ status: number; checks: Record<string, { ok: boolean }> }> => {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, ...((await answer.json()) as { checks: Record<string, { ok: boolean }> }) };
};

/** A client that dials each address in turn, as a balancer would place it. */
function clientOf(urls: readonly string[], sockets = new Set<WebSocket>()): AtpClient {
  let nth = 0;
  const client = createClient({
    url: "ws://127.0.0.1:1/ws",
    socket: (_address, protocols) => {
      const ws = new WebSocket(`${(urls[nth++ % urls.length] ?? "").replace("http", "ws")}/ws`, [...protocols]);
      ws.on("error", () => undefined);
      sockets.add(ws);
      return ws as never;
    },
    retry: { baseMs: 20, maxMs: 200, attempts: 50 },
  });
  onTestFinished(async () => void (await client.close()));
  return client;
}

describe.skipIf(withoutRedis)("many routers on one redis-server", { timeout: 40_000 }, () => {
  it("A9.6 a router that gets SIGTERM while it answers: the client goes on at another one, and nothing is lost or said twice", async () => {
    const redis = await redisServer();
    const { url, calls, called } = await adapter();
    const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
    const config = { redis: { replay: true } };
    const [one, two] = await Promise.all([router(config, env), router(config, env)]);
    const client = clientOf([one.url, two.url]);
    let goneAway = 0;
    client.on("goaway", () => goneAway++);
    const run = client.stream("count");
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const event of run) if (event.type === "partial") pieces.push(event.text);
    })();
    await called;
    one.child.kill("SIGTERM");
    // It is not ready any more while it still answers.
    await vi.waitFor(async () => expect((await ready(one.url)).checks["router"]).toMatchObject({ ok: false }), wait);
    await reading;
    expect(pieces.join("")).toBe(whole);
    expect((await run.final()).answer).toBe(whole);
    expect(goneAway).toBe(1);
    expect(calls()).toBe(1);
    expect((await one.ended).code).toBe(0);
    expect((await client.stream("again").final()).answer).toBe(whole);
  });

  it("A9.3 a router that is killed: its stream ends with EAGENTDOWN at the other one, which goes on", async () => {
    const redis = await redisServer();
    const { url, called } = await adapter();
    const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
    const config = { redis: { replay: true } };
    const [one, two] = await Promise.all([router(config, env), router(config, env)]);
    const client = clientOf([one.url, two.url]);
    const run = client.stream("count");
    await called;
    one.child.kill("SIGKILL");
    await expect(run.final()).rejects.toMatchObject({ code: "EAGENTDOWN", processed: "maybe" });
    expect((await client.stream("again").final()).answer).toBe(whole);
  });

  it("A9.4 a key that was used at one router costs nothing at another one", async () => {
    const redis = await redisServer();
    const { url, calls } = await adapter();
    const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
    const [one, two] = await Promise.all([router({}, env), router({}, env)]);
    const [at, elsewhere] = [clientOf([one.url]), clientOf([two.url])];
    const options = { idempotencyKey: "k1" };
    const answers = await Promise.all([
      at.stream("count", options).final(),
      elsewhere.stream("count", options).final(),
    ]);
    const later = elsewhere.stream("count", options);
    expect([...answers, await later.final()].map(({ answer }) => answer)).toEqual([whole, whole, whole]);
    expect(later.usage).toMatchObject({ replayed: true });
    expect(calls()).toBe(1);
  });

  it("a balancer that breaks connections at any moment: each answer comes once and whole", async () => {
    const redis = await redisServer();
    const { url, calls } = await adapter();
    const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
    const config = { redis: { replay: true } };
    const routers = await Promise.all([router(config, env), router(config, env)]);
    const sockets = new Set<WebSocket>();
    const client = clientOf(
      routers.map((one) => one.url),
      sockets,
    );
    let gaps = 0;
    client.on("gap", () => gaps++);
    const runs = ["a", "b", "c"].map((prompt) => client.stream(prompt));
    let breaking: NodeJS.Timeout | undefined;
    const texts = await Promise.all(
      runs.map(async (run) => {
        let text = "";
        for await (const event of run) {
          if (event.type !== "partial") continue;
          text += event.text;
          // What is broken before its token came cannot be resumed, and says so.
          breaking ??= setInterval(() => {
            for (const ws of sockets) if (ws.readyState === WebSocket.OPEN) ws.terminate();
          }, 170);
        }
        return text;
      }),
    ).finally(() => clearInterval(breaking));
    expect(texts).toEqual([whole, whole, whole]);
    expect([gaps, calls()]).toEqual([0, 3]);
  });

  it("clocks two hours apart: keys, sessions and holds go by the clock of Redis", async () => {
    const redis = await redisServer();
    const { url, calls } = await adapter();
    const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
    const ahead = "data:text/javascript,const now=Date.now.bind(Date);Date.now=()=>now()+7200000";
    const config = { redis: { replay: true }, tenants: { default: { budget: { max_usd_micros: 1_000_000 } } } };
    const early = await router(config, { ...env, NODE_OPTIONS: `--import "${ahead}"` });
    const one = await router(config, env);
    const sockets = new Set<WebSocket>();
    const client = clientOf([early.url, one.url], sockets);
    const run = client.stream("count", { idempotencyKey: "k1" });
    let text = "";
    for await (const event of run) {
      if (event.type !== "partial") continue;
      text += event.text;
      if (text === "0;1;2;") for (const ws of sockets) ws.terminate();
    }
    expect(text).toBe(whole);
    expect((await clientOf([one.url]).stream("count", { idempotencyKey: "k1" }).final()).answer).toBe(whole);
    expect(calls()).toBe(1);
    const { tenants } = (await (await fetch(`${one.url}/v1/budgets`)).json()) as {
      tenants: { default: { posted: { usd_micros: number }; reserved: { usd_micros: number } } };
    };
    expect(tenants.default).toMatchObject({ posted: { usd_micros: 3 * PIECES }, reserved: { usd_micros: 0 } });
  });

  it("is not ready while Redis is away, calls nobody, and is ready when it is back", async () => {
    const redis = await redisServer();
    const { url, calls } = await adapter();
    const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
    const one = await router({ redis: { timeout_ms: 300 } }, env);
    expect((await ready(one.url)).status).toBe(200);
    await redis.kill();
    await vi.waitFor(async () => expect((await ready(one.url)).checks["ledger"]).toMatchObject({ ok: false }), wait);
    expect((await fetch(`${one.url}/healthz`)).status).toBe(200);
    await expect(clientOf([one.url]).stream("count").final()).rejects.toMatchObject({ processed: "no" });
    expect(calls()).toBe(0);
    await redis.start();
    await vi.waitFor(async () => expect((await ready(one.url)).status).toBe(200), wait);
    expect((await clientOf([one.url]).stream("count").final()).answer).toBe(whole);
  });

  it("refuses a store that a newer version wrote, with one line", async () => {
    const redis = await redisServer();
    const direct = new Redis(redis.url);
    await direct.set("atp:schema", "2");
    direct.disconnect();
    const { ended } = start("examples/router", { PORT: "0", REDIS_URL: redis.url });
    const { code, stderr } = await ended;
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/written by a newer version \(schema 2; this one knows 1\)/);
  });

  it.each(["exact", "leased"])(
    "A7.4 a tenant's calls at once hold over routers with %s budgets: one waits here until another one has ended there",
    async (budgets) => {
      const redis = await redisServer();
      const { url, calls, atOnce, called } = await adapter();
      const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
      const config = { redis: { budgets }, tenants: { default: { budget: { max_parallel: 1 } } } };
      const [one, two] = await Promise.all([router(config, env), router(config, env)]);
      const first = clientOf([one.url]).stream("count");
      await called;
      const others = [one, two].map(({ url: at }) => clientOf([at]).stream("count").final());
      for (const { answer } of await Promise.all([first.final(), ...others])) expect(answer).toBe(whole);
      expect(calls()).toBe(3);
      expect(atOnce()).toBe(1);
    },
  );

  it("two routers with different tenants and lanes share the books, each by its own rules", async () => {
    const redis = await redisServer();
    const { url } = await adapter();
    const env = { ADAPTER_ENDPOINTS: JSON.stringify([url]), REDIS_URL: redis.url };
    const rich = await router({ tenants: { default: { budget: { max_usd_micros: 1_000_000 } } } }, env);
    const poor = await router({ tenants: { default: { budget: { max_usd_micros: 10 } } } }, env);
    // Books have one ceiling: that of the router that began last.
    for (const at of [poor, rich])
      await expect(clientOf([at.url]).stream("count").final()).rejects.toMatchObject({
        code: "EBUDGET",
        processed: "no",
      });
  });
});

describe("reload on SIGHUP", { timeout: 30_000 }, () => {
  const config = (budget: number, more = ""): string =>
    `tenants:\n  default:\n    budget:\n      max_usd_micros: ${budget}\n${more}`;
  const limit = async (url: string): Promise<unknown> => {
    const { tenants } = (await (await fetch(`${url}/v1/budgets`)).json()) as {
      tenants: { default: { limits: { max_usd_micros?: number; usd_micros?: number } } };
    };
    return Object.values(tenants.default.limits).find((value) => value > 10);
  };

  it("takes over tenants, says which keys need a restart, and leaves a bad file alone", async () => {
    const { url } = await adapter();
    const one = await router(config(1_000), { ADAPTER_ENDPOINTS: JSON.stringify([url]) });
    const running = clientOf([one.url]).stream("count");
    expect(await limit(one.url)).toBe(1_000);

    writeFileSync(one.file, config(2_000, "limits:\n  max_streams: 7\n"));
    one.child.kill("SIGHUP");
    await vi.waitFor(() => expect(one.log()).toContain("configuration reloaded"), wait);
    await vi.waitFor(async () => expect(await limit(one.url)).toBe(2_000), wait);
    expect(one.log()).toMatch(/"keys":\["limits"\].*need a restart/);

    writeFileSync(one.file, config(3_000, "lanez: {}\n"));
    one.child.kill("SIGHUP");
    await vi.waitFor(() => expect(one.log()).toContain("configuration not reloaded"), wait);
    expect(one.log()).toMatch(/atp\.yaml line 5: lanez is not a key of the configuration/);
    expect(await limit(one.url)).toBe(2_000);
    // What ran through all of it ends as it began.
    expect((await running.final()).answer).toBe(whole);
  });

  it("takes over policy and keys; a rule that does not compile changes neither", async () => {
    const one = await router("auth:\n  allow_anonymous: true\npolicy:\n  rules:\n    - expr: 'true'\n");
    const denied = async (): Promise<string> => {
      const answer = await fetch(`${one.url}/v1/explain`, {
        method: "POST",
        body: JSON.stringify({ payload: { type: "agent.request", content: { prompt: "x" } } }),
      });
      return answer.text();
    };
    expect(await denied()).not.toContain("closed today");
    writeFileSync(
      one.file,
      "auth:\n  allow_anonymous: true\npolicy:\n  rules:\n    - expr: 'false'\n      reason: closed today\n",
    );
    one.child.kill("SIGHUP");
    await vi.waitFor(async () => expect(await denied()).toContain("closed today"), wait);
    writeFileSync(one.file, "auth:\n  allow_anonymous: true\npolicy:\n  rules:\n    - expr: '((('\n");
    one.child.kill("SIGHUP");
    await vi.waitFor(() => expect(one.log()).toContain("configuration not reloaded"), wait);
    expect(await denied()).toContain("closed today");
  });
});
