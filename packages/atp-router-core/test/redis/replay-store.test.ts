import { replayCompliance } from "atp-protocol/replay";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Redis } from "ioredis";
import type { ReplayEntry } from "atp-protocol/replay";
import { StoreUnavailable } from "../../src/ports/index.js";
import { connectRedis, createRedisReplayStore, redisReady } from "../../src/redis/index.js";
import type { RedisReplayStore } from "../../src/redis/index.js";
import { startRedis, withoutRedis } from "./support/redis-server.js";
import type { RedisServer } from "./support/redis-server.js";

const key = { session: "e1", stream: "st1" };

describe.skipIf(withoutRedis)("replay on a real redis-server", () => {
  let server: RedisServer;
  let redis: Redis;
  let nth = 0;
  const open = new Set<RedisReplayStore>();
  beforeAll(async () => {
    server = await startRedis();
    redis = connectRedis({ url: server.url });
    await redisReady(redis, 5_000);
  });
  afterAll(async () => {
    for (const store of open) store.close();
    redis.disconnect();
    await server.dispose();
  });

  function storeOn(prefix = `r${nth++}:`, more: { keepMs?: number; leaseMs?: number; maxQueued?: number } = {}) {
    const store = createRedisReplayStore({ redis, prefix, ...more });
    open.add(store);
    return store;
  }

  it.each(replayCompliance(() => storeOn()).map((each) => [each.name, each] as const))("%s", (_name, each) =>
    each.run(),
  );

  it("A9.3 what one router keeps another one reads, follows and answers", async () => {
    const prefix = `r${nth++}:`;
    const [owner, guest] = [storeOn(prefix), storeOn(prefix)];
    await owner.publish("e1", "alice", "r1", ["t1"]);
    const taken: unknown[] = [];
    let heard: (() => void) | undefined;
    const done = new Promise<void>((resolve) => (heard = resolve));
    await owner.commands("r1", ({ frame }) => {
      taken.push(frame);
      if (taken.length === 3) heard?.();
    });
    expect(await guest.attach("t1", "alice")).toEqual({ session: "e1", owner: "r1" });
    const got: ReplayEntry[] = [];
    const followed = new Promise<void>((resolve) => {
      void guest.follow(key, 0, (entry) => {
        got.push(entry);
        if (entry.end) resolve();
      });
    });
    const bytes = new Uint8Array([0, 255, 10, 128]);
    await owner.append(key, { seq: 2, data: "one\nÄ", end: false }, 10_000);
    await owner.append(key, { seq: 3, data: bytes, end: true }, 10_000);
    await followed;
    expect(got).toEqual([
      { seq: 2, data: "one\nÄ", end: false },
      { seq: 3, data: bytes, end: true },
    ]);
    for (const frame of [1, 2, 3]) expect(await guest.tell("r1", { key, frame })).toBe(true);
    await done;
    expect(taken).toEqual([1, 2, 3]);
  });

  it("A9.3 a token's key that outlived its session or its place in the list opens nothing", async () => {
    const prefix = `r${nth++}:`;
    const store = storeOn(prefix);
    await store.publish("e1", "alice", "r1", ["t1", "t2"]);
    await store.publish("e1", "alice", "r1", ["t2"]);
    await redis.set(`${prefix}token:t1`, "e1");
    expect(await store.attach("t1", "alice")).toBeNull();
    await store.forget("e1");
    await redis.set(`${prefix}token:t2`, "e1");
    expect(await store.attach("t2", "alice")).toBeNull();
  });

  it("every key has an end, and a forgotten session leaves none", async () => {
    const prefix = `r${nth++}:`;
    const store = storeOn(prefix, { keepMs: 60_000 });
    await store.publish("e1", "alice", "r1", ["t1"]);
    await store.append(key, { seq: 2, data: "one", end: false }, 10_000);
    const keys = await redis.keys(`${prefix}*`);
    expect(keys).toHaveLength(5);
    for (const each of keys) expect(await redis.pttl(each)).toBeGreaterThan(0);
    await store.forget("e1");
    expect(await redis.keys(`${prefix}*`)).toEqual([]);
  });

  it("a router that takes nothing counts as lost, and one whose sign of life ends too", async () => {
    const prefix = `r${nth++}:`;
    const store = storeOn(prefix, { maxQueued: 1 });
    await redis.set(`${prefix}{r1}:alive`, "1");
    expect(await store.tell("r1", { key, frame: 1 })).toBe(true);
    expect(await store.tell("r1", { key, frame: 2 })).toBe(false);
    await redis.del(`${prefix}{r1}:alive`, `${prefix}{r1}:queue`);
    expect(await store.tell("r1", { key, frame: 3 })).toBe(false);
  });

  it("rejects while the server is gone; nothing is lost or doubled for readers when it is back", async () => {
    const own = await startRedis();
    onTestFinished(() => own.dispose());
    const connection = connectRedis({ url: own.url, timeoutMs: 500 });
    onTestFinished(() => connection.disconnect());
    await redisReady(connection, 5_000);
    const store = createRedisReplayStore({ redis: connection });
    onTestFinished(() => store.close());
    await store.publish("e1", "alice", "r1", ["t1"]);
    const taken: unknown[] = [];
    let all: (() => void) | undefined;
    const told = new Promise<void>((resolve) => (all = resolve));
    await store.commands("r1", ({ frame }) => {
      taken.push(frame);
      if (frame === "after") all?.();
    });
    const got: number[] = [];
    let last: (() => void) | undefined;
    const followed = new Promise<void>((resolve) => (last = resolve));
    await store.follow(key, 0, ({ seq, end }) => {
      got.push(seq);
      if (end) last?.();
    });
    await store.append(key, { seq: 2, data: "kept", end: false }, 10_000);
    await store.tell("r1", { key, frame: "before" });
    await own.kill();
    await expect(store.append(key, { seq: 3, data: "x", end: false }, 10_000)).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(store.attach("t1", "alice")).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(store.tell("r1", { key, frame: "x" })).rejects.toBeInstanceOf(StoreUnavailable);
    const back = new Promise((resolve) => connection.once("ready", resolve));
    await own.start();
    await back;
    expect(await store.attach("t1", "alice")).toEqual({ session: "e1", owner: "r1" });
    await store.append(key, { seq: 3, data: "kept", end: true }, 10_000);
    expect(await store.tell("r1", { key, frame: "after" })).toBe(true);
    await Promise.all([followed, told]);
    expect(got).toEqual([2, 3]);
    expect(taken).toEqual(["before", "after"]);
  });
});
