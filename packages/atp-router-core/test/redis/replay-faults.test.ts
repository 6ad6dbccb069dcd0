import { replayCompliance } from "atp-protocol/replay";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Redis } from "ioredis";
import type { ReplayEntry } from "atp-protocol/replay";
import { connectRedis, createRedisReplayStore, redisReady } from "../../src/redis/index.js";
import type { RedisReplayStore } from "../../src/redis/index.js";
import { startProxy } from "./support/redis-proxy.js";
import type { RedisProxy } from "./support/redis-proxy.js";
import { startRedis, withoutRedis } from "./support/redis-server.js";
import type { RedisServer } from "./support/redis-server.js";

const key = { session: "e1", stream: "st1" };

describe.skipIf(withoutRedis)("replay on a real redis-server behind a bad network", () => {
  let server: RedisServer;
  let proxy: RedisProxy;
  let redis: Redis;
  let nth = 0;
  const open = new Set<RedisReplayStore>();
  beforeAll(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    redis = connectRedis({ url: proxy.url, timeoutMs: 10_000 });
    await redisReady(redis, 5_000);
  });
  afterAll(async () => {
    for (const store of open) store.close();
    redis.disconnect();
    await proxy.close();
    await server.dispose();
  });

  function storeOn(): RedisReplayStore {
    const store = createRedisReplayStore({ redis, prefix: `rf${nth++}:` });
    open.add(store);
    return store;
  }

  describe("with replies that are delayed", () => {
    beforeAll(() => void (proxy.delayMs = 3));
    afterAll(() => void (proxy.delayMs = 0));
    it.each(replayCompliance(() => storeOn()).map((each) => [each.name, each] as const))("%s", (_name, each) =>
      each.run(),
    );
  });

  it("A9.2 replies that are lost after the step was taken: repeated, nothing is doubled", async () => {
    const store = storeOn();
    /** The first reply is lost with its connection; the step is asked for again. */
    async function insisting(step: () => Promise<unknown>): Promise<void> {
      const lost = proxy.loseReply();
      const back = new Promise((resolve) => redis.once("ready", resolve));
      await expect(step()).rejects.toMatchObject({ name: "StoreUnavailable", applied: "unknown" });
      await lost;
      await back;
      await step();
    }
    const entry = (seq: number): ReplayEntry => ({ seq, data: `m${seq}`, end: false });
    await store.publish("e1", "alice", "r1", ["t1"]);
    await insisting(() => store.append(key, entry(2), 10_000));
    await insisting(() => store.append(key, entry(3), 10_000));
    expect(await store.read(key, 1)).toEqual({ entries: [entry(2), entry(3)], complete: true });
    await insisting(() => store.trim(key, 2));
    expect(await store.read(key, 2)).toEqual({ entries: [entry(3)], complete: true });
    await insisting(() => store.forget("e1"));
    expect(await store.attach("t1", "alice")).toBeNull();
  });

  it("A9.3 a server that is killed and started again has every session, message and owner", async () => {
    const store = storeOn();
    await store.publish("e1", "alice", "r1", ["t1"]);
    await store.append(key, { seq: 2, data: "kept", end: true }, 10_000);
    await server.kill();
    await expect(store.attach("t1", "alice")).rejects.toMatchObject({ name: "StoreUnavailable" });
    const back = new Promise((resolve) => redis.once("ready", resolve));
    await server.start();
    await back;
    expect(await store.attach("t1", "alice")).toEqual({ session: "e1", owner: "r1" });
    expect(await store.read(key, 1)).toEqual({ entries: [{ seq: 2, data: "kept", end: true }], complete: true });
  });
});
