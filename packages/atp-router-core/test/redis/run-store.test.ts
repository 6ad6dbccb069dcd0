import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Redis } from "ioredis";
import { StoreUnavailable } from "../../src/ports/index.js";
import type { RunName } from "../../src/ports/index.js";
import { checkSchema, connectRedis, createRedisRunStore, redisReady, StoreTooNew } from "../../src/redis/index.js";
import { runStoreCompliance } from "../../src/testing/index.js";
import { startProxy } from "./support/redis-proxy.js";
import type { RedisProxy } from "./support/redis-proxy.js";
import { startRedis, withoutRedis } from "./support/redis-server.js";
import type { RedisServer } from "./support/redis-server.js";

const run: RunName = { tenant: "acme", name: "alice/k1", content: '["hello"]' };
/** The store's time is the server's: it passes by itself. */
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(withoutRedis)("idempotency keys on a real redis-server", () => {
  let server: RedisServer;
  let proxy: RedisProxy;
  let redis: Redis;
  let nth = 0;
  beforeAll(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    redis = connectRedis({ url: proxy.url });
    await redisReady(redis, 5_000);
  });
  afterAll(async () => {
    redis.disconnect();
    await proxy.close();
    await server.dispose();
  });

  const harness = { store: (limits: object) => createRedisRunStore({ redis, prefix: `k${nth++}:`, ...limits }), pass };
  runStoreCompliance("Redis", () => harness, { describe, it: it.concurrent, expect });

  describe("with replies that are delayed", () => {
    beforeAll(() => void (proxy.delayMs = 2));
    afterAll(() => void (proxy.delayMs = 0));
    runStoreCompliance("Redis, slow", () => harness, { describe, it: it.concurrent, expect });
  });

  it("A9.4 a reply that is lost after the step was taken: repeated, each answers as if it had come", async () => {
    const store = createRedisRunStore({ redis, prefix: `k${nth++}:` });
    const insisting = async <T>(step: () => Promise<T>): Promise<T> => {
      const lost = proxy.loseReply();
      const back = new Promise((resolve) => redis.once("ready", resolve));
      await expect(step()).rejects.toMatchObject({ name: "StoreUnavailable", applied: "unknown" });
      await lost;
      await back;
      return step();
    };
    expect(await insisting(() => store.claim(run, "a"))).toEqual({ t: "mine" });
    expect(await insisting(() => store.renew(run, "a"))).toBe(true);
    expect(await insisting(() => store.finish(run, "a", "yes"))).toBe(true);
    expect(await insisting(() => store.claim(run, "b"))).toEqual({ t: "ended", end: "yes" });
  });

  it("A9.4 a server that is killed is unavailable; started again it knows every key", async () => {
    const store = createRedisRunStore({ redis, prefix: `k${nth++}:` });
    await store.claim(run, "a");
    await store.finish(run, "a", "yes");
    await server.kill();
    await expect(store.claim(run, "b")).rejects.toBeInstanceOf(StoreUnavailable);
    const back = new Promise((resolve) => redis.once("ready", resolve));
    await server.start();
    await back;
    expect(await store.claim(run, "b")).toEqual({ t: "ended", end: "yes" });
  });

  it("a store of a newer version is refused by its schema; an older or unmarked one is taken", async () => {
    const prefix = `k${nth++}:`;
    await checkSchema(redis, prefix);
    expect(await redis.get(`${prefix}schema`)).toBe("1");
    await redis.set(`${prefix}schema`, "2");
    await expect(checkSchema(redis, prefix)).rejects.toThrow(StoreTooNew);
    await expect(checkSchema(redis, prefix)).rejects.toThrow(/schema 2; this one knows 1/);
  });
});
