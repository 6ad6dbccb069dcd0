import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Redis } from "ioredis";
import { connectRedis, createRedisLearningStore, redisReady } from "../../src/redis/index.js";
import { learningStoreCompliance } from "../../src/testing/index.js";
import { startProxy } from "./support/redis-proxy.js";
import type { RedisProxy } from "./support/redis-proxy.js";
import { startRedis, withoutRedis } from "./support/redis-server.js";
import type { RedisServer } from "./support/redis-server.js";

describe.skipIf(withoutRedis)("learned states on a real redis-server", () => {
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

  learningStoreCompliance("Redis", () => createRedisLearningStore({ redis, prefix: `l${nth++}:` }), {
    describe,
    it,
    expect,
  });

  it("a reply that is lost after it was taken: published again, it is the same", async () => {
    const store = createRedisLearningStore({ redis, prefix: `l${nth++}:` });
    await store.exchange("r1", { v: 1 });
    const lost = proxy.loseReply();
    const back = new Promise((resolve) => redis.once("ready", resolve));
    await expect(store.exchange("r2", { v: 2 })).rejects.toMatchObject({ name: "StoreUnavailable" });
    await lost;
    await back;
    expect(await store.exchange("r2", { v: 2 })).toEqual([{ v: 1 }]);
    expect(await store.exchange("r1", { v: 1 })).toEqual([{ v: 2 }]);
  });

  it("forgets routers that are gone for long", async () => {
    const store = createRedisLearningStore({ redis, prefix: `l${nth++}:`, keptMs: 50 });
    await store.exchange("gone", { v: 1 });
    const began = Date.now();
    // The server's clock passes by itself.
    while (Date.now() - began < 120) await redis.ping();
    expect(await store.exchange("here", { v: 2 })).toEqual([]);
  });
});
