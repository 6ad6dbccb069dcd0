import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Redis } from "ioredis";
import type { Amounts, HoldScope, Limits } from "../../src/model/index.js";
import { StoreUnavailable } from "../../src/ports/index.js";
import { connectRedis, createRedisLedgerStore, redisReady } from "../../src/redis/index.js";
import { createMemoryLedgerStore } from "../../src/runtime/memory-ledger-store.js";
import { ledgerStoreCompliance } from "../../src/testing/ledger-compliance.js";
import { createVirtualClock, seededRng } from "../../src/testing/virtual-clock.js";
import { startProxy } from "./support/redis-proxy.js";
import type { RedisProxy } from "./support/redis-proxy.js";
import { startRedis, withoutRedis } from "./support/redis-server.js";
import type { RedisServer } from "./support/redis-server.js";

const call: Amounts = { parallel: 1, tokens: 100, usdMicros: 1_000 };
const nothing: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };
const scopes = (limits: Limits): readonly HoldScope[] => [
  { source: "stream", key: "stream:1", limits: {} },
  { source: "tenant", key: "tenant:acme", limits },
];

describe.skipIf(withoutRedis)("a real redis-server behind a bad network", () => {
  let server: RedisServer;
  let proxy: RedisProxy;
  let direct: Redis;
  let redis: Redis;
  /** For room that is told of; it is there already, so that its coming is no news of the test. */
  let subscriber: Redis;
  let nth = 0;
  beforeAll(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    direct = connectRedis({ url: server.url, timeoutMs: 10_000 });
    redis = connectRedis({ url: proxy.url, timeoutMs: 10_000 });
    subscriber = direct.duplicate();
    await Promise.all([direct, redis, subscriber].map((each) => redisReady(each, 5_000)));
  });
  afterAll(async () => {
    direct.disconnect();
    subscriber.disconnect();
    redis.disconnect();
    await proxy.close();
    await server.dispose();
  });

  describe("with replies that are delayed", () => {
    beforeAll(() => void (proxy.delayMs = 2));
    afterAll(() => void (proxy.delayMs = 0));
    ledgerStoreCompliance(
      "Redis, slow",
      async ({ clock }) =>
        createRedisLedgerStore({ redis, subscriber, prefix: `f${nth++}:`, now: () => clock.now(), sweepEveryMs: 0 }),
      { describe, it, expect },
    );
  });

  it("A7.2 replies that are lost after the operation was applied: repeated, it is not done twice", async () => {
    const clock = createVirtualClock();
    const store = createRedisLedgerStore({ redis, prefix: `f${nth++}:`, now: () => clock.now(), sweepEveryMs: 0 });
    const pure = createMemoryLedgerStore(clock);
    const rng = seededRng(7);

    /** Repeats until the store answers, as the ledger desk does; sometimes the first reply is lost. */
    async function insisting<T>(operation: () => Promise<T>): Promise<T> {
      if (rng.u32() % 3 > 0) return operation();
      const lost = proxy.loseReply();
      const back = new Promise((resolve) => redis.once("ready", resolve));
      const failed = await operation().then(
        () => "nothing was asked",
        (error: unknown) => error,
      );
      // Words about a hold that is over need no server.
      if (failed === "nothing was asked") {
        proxy.keepReply();
        return operation();
      }
      expect(failed).toBeInstanceOf(StoreUnavailable);
      expect((failed as StoreUnavailable).applied).toBe("unknown");
      await lost;
      await back;
      return operation();
    }

    for (let i = 0; i < 24; i++) {
      const id = `h${rng.u32() % 8}`;
      const used = { tokens: rng.u32() % 120, usdMicros: rng.u32() % 1_200 };
      const limits = { usdMicros: 9_000 };
      const step = rng.u32() % 5;
      const ask = (target: typeof pure): Promise<unknown> => {
        if (step < 2) return target.reserve(id, scopes(limits), call, 60_000);
        if (step === 2) return target.extend(id, 1, { ...nothing, tokens: 10 });
        if (step === 3) return target.settle(id, used);
        return target.void(id);
      };
      await insisting(() => ask(store));
      await ask(pure);
      for (const key of ["stream:1", "tenant:acme"]) {
        const empty = { posted: nothing, reserved: nothing };
        const [ours, model] = [await store.read(key), await pure.read(key)];
        expect(ours ?? empty).toMatchObject({
          posted: (model ?? empty).posted,
          reserved: (model ?? empty).reserved,
        });
      }
    }
  });

  it("A7.6 room that was made while a refusal was on its way is not missed", async () => {
    const prefix = `f${nth++}:`;
    const first = createRedisLedgerStore({ redis: direct, prefix, sweepEveryMs: 0 });
    const ears = direct.duplicate({ enableOfflineQueue: true });
    const second = createRedisLedgerStore({ redis, subscriber: ears, prefix, sweepEveryMs: 0 });
    onTestFinished(() => second.close());
    let heard: (() => void) | undefined;
    const subscribed = new Promise<void>((resolve) => (heard = resolve));
    second.watch(() => heard?.());
    await subscribed;
    await first.reserve("a", scopes({ parallel: 1 }), call, 60_000);
    // Registered and with its scripts there, so that one reply is what is waited for.
    await second.reserve("warm", scopes({}), { ...nothing, tokens: 0 }, 60_000);
    proxy.hold();
    const asked = second.reserve("b", scopes({ parallel: 1 }), call, 60_000);
    // The refusal is made when somebody is known to wait.
    while ((await direct.exists(`${prefix}{acme}:waiting`)) === 0) continue;
    const room = new Promise<void>((resolve) => (heard = resolve));
    await first.settle("a", { tokens: 1, usdMicros: 1 });
    await room;
    proxy.release();
    expect(await asked).toEqual({ ok: true });
  });
});
