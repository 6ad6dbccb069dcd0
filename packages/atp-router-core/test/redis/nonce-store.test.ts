import type { Redis } from "ioredis";
import { createNonceMemory } from "atp-protocol/integrity";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectRedis, createRedisNonceStore, redisReady } from "../../src/redis/index.js";
import { nonceStoreCompliance } from "../../src/testing/index.js";
import { startRedis, withoutRedis } from "./support/redis-server.js";
import type { RedisServer } from "./support/redis-server.js";

nonceStoreCompliance("memory", () => createNonceMemory(), { describe, it, expect });

describe.skipIf(withoutRedis)("nonces on a real redis-server", () => {
  let server: RedisServer;
  let redis: Redis;
  let nth = 0;
  beforeAll(async () => {
    server = await startRedis();
    redis = connectRedis({ url: server.url });
    await redisReady(redis, 5_000);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.dispose();
  });

  nonceStoreCompliance("Redis", () => createRedisNonceStore({ redis, prefix: `n${nth++}:` }), { describe, it, expect });

  it("A10 is forgotten when its time is over, and keeps no principal's name", async () => {
    const prefix = `n${nth++}:`;
    const store = createRedisNonceStore({ redis, prefix });
    await store.record("alice", "1", 1_060_000, 1_000_000);
    const [name = ""] = await redis.keys(`${prefix}*`);
    expect(name).not.toContain("alice");
    const left = await redis.pttl(name);
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  it("A10 a Redis that is away takes no frame", async () => {
    const lost = connectRedis({ url: "redis://127.0.0.1:1" });
    const store = createRedisNonceStore({ redis: lost });
    await expect(Promise.resolve(store.record("alice", "1", 2, 1))).rejects.toThrow();
    lost.disconnect();
  });
});
