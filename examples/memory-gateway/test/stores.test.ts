import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type RedisServer,
  startRedis,
  withoutRedis,
} from "../../../packages/atp-router-core/test/redis/support/redis-server.js";
import { InMemoryStore } from "../src/in-memory-store.js";
import { StoreUnreachable } from "../src/memory-store.js";
import { openRedisStore, type RedisStore } from "../src/redis-store.js";
import { storeSuite } from "./store-suite.js";

storeSuite("InMemoryStore", async (quota) => {
  let now = 1_000;
  const store = new InMemoryStore({ now: () => now, ...(quota === undefined ? {} : { quota }) });
  return {
    store,
    pass: async (ms) => {
      now += ms;
    },
  };
});

describe.skipIf(withoutRedis !== undefined)(`Redis${withoutRedis === undefined ? "" : ` (${withoutRedis})`}`, () => {
  let server: RedisServer;
  const stores: RedisStore[] = [];
  let opened = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await server.dispose();
  });
  const open = async (prefix: string, more = {}): Promise<RedisStore> => {
    const store = await openRedisStore({ url: server.url, prefix, ...more });
    stores.push(store);
    return store;
  };

  storeSuite("RedisStore", async (quota) => ({
    store: await open(`t${++opened}`, quota === undefined ? {} : { quota }),
    // Redis has its own clock: only time itself passes it.
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }));

  it("shares objects and searches between gateways, also one that comes later", async () => {
    const one = await open("shared");
    const two = await open("shared");
    await one.put({ ns: "a/b", key: "k" }, '"said by one"', undefined, {});
    expect((await two.search("said", undefined, 10)).map(({ key }) => key)).toEqual(["k"]);
    await two.put({ ns: "a/b", key: "l" }, '"said by two"', undefined, {});
    expect(await one.search("said", undefined, 10)).toHaveLength(2);
    await one.delete({ ns: "a/b", key: "k" }, {});
    expect((await two.search("said", undefined, 10)).map(({ key }) => key)).toEqual(["l"]);
    const three = await open("shared");
    expect((await three.search("said", undefined, 10)).map(({ key }) => key)).toEqual(["l"]);
  });

  it("reads everything anew when the stream has dropped changes", async () => {
    const reader = await open("gap");
    const writer = await open("gap");
    await writer.put({ ns: "a/b", key: "k" }, '"before"', undefined, {});
    expect(await reader.search("before", undefined, 10)).toHaveLength(1);
    await writer.delete({ ns: "a/b", key: "k" }, {});
    await writer.put({ ns: "a/b", key: "l" }, '"after"', undefined, {});
    const redis = new Redis(server.url);
    await redis.xtrim("{gap}:changes", "MAXLEN", 1);
    await redis.quit();
    expect(await reader.search("before", undefined, 10)).toEqual([]);
    expect(await reader.search("after", undefined, 10)).toHaveLength(1);
  });

  it("starts over with a server that lost its data", async () => {
    const store = await open("lost");
    const first = await store.put({ ns: "a/b", key: "k" }, '"old"', undefined, {});
    await store.search("old", undefined, 10);
    const redis = new Redis(server.url);
    await redis.del("{lost}:counter", "{lost}:changes", "{lost}:o:a/b/k", "{lost}:sizes:a", "{lost}:used:a");
    await redis.quit();
    const other = await open("lost");
    const again = await other.put({ ns: "a/b", key: "k" }, '"new"', undefined, {});
    expect(again).not.toEqual(first);
    expect(await store.search("old", undefined, 10)).toEqual([]);
    expect(await store.search("new", undefined, 10)).toHaveLength(1);
  });

  it("rejects, and never answers that nothing is there, when Redis is away", async () => {
    const own = await startRedis();
    const store = await openRedisStore({ url: own.url, timeoutMs: 200 });
    try {
      expect(await store.ready()).toBe(true);
      await own.kill();
      await expect(store.get({ ns: "a/b", key: "k" })).rejects.toBeInstanceOf(StoreUnreachable);
      await expect(store.put({ ns: "a/b", key: "k" }, "1", undefined, {})).rejects.toBeInstanceOf(StoreUnreachable);
      await expect(store.search("x", undefined, 1)).rejects.toBeInstanceOf(StoreUnreachable);
      expect(await store.ready()).toBe(false);
    } finally {
      await store.close();
      await own.dispose();
    }
  });
});
