import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Redis } from "ioredis";
import type { Amounts, HoldScope, Limits } from "../../src/model/index.js";
import { StoreUnavailable } from "../../src/ports/index.js";
import type { LedgerStore } from "../../src/ports/index.js";
import { connectRedis, createRedisLedgerStore, redisReady } from "../../src/redis/index.js";
import type { RedisLedgerStore } from "../../src/redis/index.js";
import { createMemoryLedgerStore } from "../../src/runtime/memory-ledger-store.js";
import { ledgerStoreCompliance } from "../../src/testing/ledger-compliance.js";
import { createVirtualClock } from "../../src/testing/virtual-clock.js";
import type { VirtualClock } from "../../src/testing/virtual-clock.js";
import { startRedis, withoutRedis } from "./support/redis-server.js";
import type { RedisServer } from "./support/redis-server.js";

const call: Amounts = { parallel: 1, tokens: 100, usdMicros: 1_000 };
const nothing: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };

describe.skipIf(withoutRedis)("with a real redis-server", () => {
  let server: RedisServer;
  let redis: Redis;
  let subscriber: Redis;
  let nth = 0;
  beforeAll(async () => {
    server = await startRedis();
    // As long as a busy machine may need.
    redis = connectRedis({ url: server.url, timeoutMs: 10_000 });
    await redisReady(redis, 5_000);
    subscriber = redis.duplicate({ enableOfflineQueue: true });
    subscriber.setMaxListeners(0);
    await redisReady(subscriber, 5_000);
  });
  afterAll(async () => {
    subscriber.disconnect();
    redis.disconnect();
    await server.dispose();
  });

  /** An empty store on the server, by a clock that a test moves. */
  function storeOn(clock: Pick<VirtualClock, "now">, prefix = `t${nth++}:`, heardOn?: Redis): RedisLedgerStore {
    return createRedisLedgerStore({
      redis,
      prefix,
      now: () => clock.now(),
      sweepEveryMs: 0,
      ...(heardOn === undefined ? {} : { subscriber: heardOn }),
    });
  }
  const scopes = (limits: Limits, stream = "1"): readonly HoldScope[] => [
    { source: "stream", key: `stream:${stream}`, limits: {} },
    { source: "tenant", key: "tenant:acme", limits },
  ];

  // Its second connection is there already: a store that connects one tells its watchers that there may be room when it is ready.
  ledgerStoreCompliance("Redis", async ({ clock }) => storeOn(clock, undefined, subscriber), { describe, it, expect });

  it("A7.1 decides as the pure ledger does, over random operations", async () => {
    const id = fc.integer({ min: 0, max: 5 }).map((n) => `h${n}`);
    const amounts = fc.record({
      parallel: fc.integer({ min: 0, max: 2 }),
      tokens: fc.integer({ min: 0, max: 90 }),
      usdMicros: fc.integer({ min: 0, max: 900 }),
    });
    const limits = fc.record(
      { parallel: fc.integer({ min: 0, max: 3 }), tokens: fc.integer({ min: 0, max: 200 }) },
      { requiredKeys: [] },
    );
    const operation = fc.oneof(
      fc.record({ op: fc.constant("reserve" as const), id, amounts, limits }),
      fc.record({ op: fc.constant("extend" as const), id, attempt: fc.integer({ min: 1, max: 2 }), amounts }),
      fc.record({ op: fc.constant("dispatched" as const), id }),
      fc.record({ op: fc.constant("settle" as const), id, amounts }),
      fc.record({ op: fc.constant("void" as const), id }),
      fc.record({ op: fc.constant("limit" as const), limits }),
      fc.record({ op: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 9_000 }) }),
    );
    type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

    async function apply(store: LedgerStore, o: Operation): Promise<unknown> {
      switch (o.op) {
        case "reserve":
          return store.reserve(o.id, scopes(o.limits), o.amounts, 1_000);
        case "extend":
          return store.extend(o.id, o.attempt, o.amounts);
        case "dispatched":
          return store.dispatched(o.id);
        case "settle":
          return store.settle(o.id, o.amounts);
        case "void":
          return store.void(o.id);
        case "limit":
          return store.setLimit("tenant:acme", o.limits);
        case "advance":
          return [...(await store.sweep())].sort();
      }
    }

    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        const clock = createVirtualClock();
        const ours = storeOn(clock);
        const pure = createMemoryLedgerStore(clock);
        for (const o of operations) {
          if (o.op === "advance") await clock.advance(o.ms);
          const [a, b] = [await apply(ours, o), await apply(pure, o)];
          // A scope's source in an extension's refusal is told by its place.
          expect(withoutSource(a)).toEqual(withoutSource(b));
          for (const key of ["stream:1", "tenant:acme"]) {
            const empty = { posted: nothing, reserved: nothing };
            const books = await ours.read(key);
            const model = await pure.read(key);
            expect(books ?? empty).toMatchObject({
              posted: (model ?? empty).posted,
              reserved: (model ?? empty).reserved,
            });
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  function withoutSource(result: unknown): unknown {
    return JSON.parse(
      JSON.stringify(result ?? null, (name, value: unknown) => (name === "limitSource" ? undefined : value)),
    );
  }

  it("counts exactly to 2^53", async () => {
    const store = storeOn(createVirtualClock());
    const most = Number.MAX_SAFE_INTEGER;
    expect(await store.reserve("a", scopes({ usdMicros: most }), { ...nothing, usdMicros: most - 1 }, 1_000)).toEqual({
      ok: true,
    });
    expect(await store.reserve("b", scopes({}), { ...nothing, usdMicros: 1 }, 1_000)).toEqual({ ok: true });
    expect(await store.reserve("c", scopes({}), { ...nothing, usdMicros: 1 }, 1_000)).toMatchObject({ ok: false });
    await store.settle("a", { tokens: 0, usdMicros: most - 1 });
    expect(await store.read("tenant:acme")).toMatchObject({
      posted: { usdMicros: most - 1 },
      reserved: { usdMicros: 1 },
    });
  });

  it("takes times that are no whole milliseconds, as a process's clock gives them", async () => {
    const store = storeOn({ now: () => 1_234.567 });
    expect(await store.reserve("a", scopes({}), call, 999.25)).toEqual({ ok: true });
    await store.settle("a", { tokens: 1, usdMicros: 1 });
    const own = createRedisLedgerStore({ redis, prefix: `t${nth++}:`, sweepEveryMs: 0 });
    onTestFinished(() => own.close());
    expect(await own.reserve("a", scopes({}), call, 0.5)).toEqual({ ok: true });
    expect(await own.sweep()).toEqual([]);
  });

  it("A7.1 two routers never grant the same money", async () => {
    const clock = createVirtualClock();
    const prefix = `t${nth++}:`;
    const routers = [storeOn(clock, prefix), storeOn(clock, prefix), storeOn(clock, prefix)];
    const asks = Array.from({ length: 90 }, (_, i) =>
      (routers[i % 3] as LedgerStore).reserve(`h${i}`, scopes({ usdMicros: 50_500 }, `${i}`), call, 1_000),
    );
    expect((await Promise.all(asks)).filter(({ ok }) => ok)).toHaveLength(50);
  });

  it("A7.4 what a router left behind is resolved by another: reserved is given back, dispatched is posted", async () => {
    const clock = createVirtualClock();
    const prefix = `t${nth++}:`;
    const gone = storeOn(clock, prefix);
    await gone.reserve("kept", scopes({}), call, 1_000);
    await gone.reserve("sent", scopes({}), call, 1_000);
    await gone.dispatched("sent");
    const other = storeOn(clock, prefix);
    await clock.advance(6_001);
    expect([...(await other.sweep())].sort()).toEqual(["kept", "sent"]);
    expect(await other.read("tenant:acme")).toMatchObject({
      posted: { tokens: 100, usdMicros: 1_000 },
      reserved: nothing,
    });
  });

  it("tells a router that waits when another one frees something", async () => {
    const clock = createVirtualClock();
    const prefix = `t${nth++}:`;
    const [first, second] = [storeOn(clock, prefix), storeOn(clock, prefix)];
    onTestFinished(() => second.close());
    let heard: (() => void) | undefined;
    const subscribed = new Promise<void>((resolve) => (heard = resolve));
    second.watch(() => heard?.());
    await subscribed;
    await first.reserve("a", scopes({ parallel: 1 }), call, 1_000);
    expect(await second.reserve("b", scopes({ parallel: 1 }), call, 1_000)).toMatchObject({ ok: false });
    const room = new Promise<void>((resolve) => (heard = resolve));
    await first.settle("a", { tokens: 1, usdMicros: 1 });
    await room;
    expect(await second.reserve("c", scopes({ parallel: 1 }), call, 1_000)).toEqual({ ok: true });
  });

  it("settles a stream's hold and forgets its scope in one step, also when the hold is over already", async () => {
    const prefix = `t${nth++}:`;
    const store = storeOn(createVirtualClock(), prefix);
    const asked = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1]);
    for (const hold of ["a", "b"]) {
      await store.reserve(hold, scopes({}), call, 1_000);
      if (hold === "b") await store.void("b");
      expect(await redis.exists(`${prefix}{acme}:s:stream:1`)).toBe(1);
      const before = await asked();
      await Promise.all([store.settle(hold, { tokens: 7, usdMicros: 70 }), store.forget("stream:1")]);
      expect(await asked()).toBe(before + 1);
      expect(await redis.exists(`${prefix}{acme}:s:stream:1`)).toBe(0);
    }
    expect(await store.read("tenant:acme")).toMatchObject({ posted: { tokens: 7, usdMicros: 70 }, reserved: nothing });
  });

  it("does not forget a scope in which another hold is open", async () => {
    const store = storeOn(createVirtualClock());
    await store.reserve("a", scopes({}), call, 1_000);
    await store.reserve("b", scopes({}), call, 1_000);
    await Promise.all([store.settle("a", { tokens: 7, usdMicros: 70 }), store.forget("stream:1")]);
    await store.settle("b", { tokens: 1, usdMicros: 1 });
    expect(await store.read("tenant:acme")).toMatchObject({ posted: { tokens: 8, usdMicros: 71 }, reserved: nothing });
  });

  it("leaves its scripts and goes on when the server forgot them", async () => {
    const store = storeOn(createVirtualClock());
    await store.reserve("a", scopes({}), call, 1_000);
    await redis.script("FLUSH");
    expect(await store.reserve("b", scopes({}), call, 1_000)).toEqual({ ok: true });
  });

  it("fails as StoreUnavailable while the server is gone, and nothing is lost or doubled when it is back", async () => {
    const own = await startRedis();
    onTestFinished(() => own.dispose());
    const connection = connectRedis({ url: own.url, timeoutMs: 500 });
    onTestFinished(() => connection.disconnect());
    await redisReady(connection, 5_000);
    const clock = createVirtualClock();
    const store = createRedisLedgerStore({ redis: connection, now: () => clock.now(), sweepEveryMs: 0 });
    await store.reserve("a", scopes({}), call, 60_000);
    await own.kill();
    for (const ask of [
      () => store.reserve("b", scopes({}), call, 60_000),
      () => store.settle("a", { tokens: 10, usdMicros: 10 }),
      () => store.read("tenant:acme"),
      () => store.sweep(),
    ])
      await expect(ask()).rejects.toBeInstanceOf(StoreUnavailable);
    const back = new Promise((resolve) => connection.once("ready", resolve));
    await own.start();
    await back;
    await store.settle("a", { tokens: 10, usdMicros: 10 });
    await store.settle("a", { tokens: 10, usdMicros: 10 });
    await store.void("b");
    expect(await store.read("tenant:acme")).toMatchObject({ posted: { tokens: 10, usdMicros: 10 }, reserved: nothing });
  });
});
