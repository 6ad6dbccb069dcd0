/** How many operations a second one router process gets through Redis. */
import { connectRedis, createRedisLedgerStore, redisReady } from "atp-router-core/redis";
import type { HoldScope, LedgerStore } from "atp-router-core";
import { startRedisServer } from "../harness/redis-server.js";
import { type Goal, goal } from "../harness/report.js";
import { spread } from "../harness/stats.js";

const IN_FLIGHT = 64;
const PAIRS = 6_000;
const ROUNDS = 8;
const amounts = { parallel: 1, tokens: 1_000, usdMicros: 2_000 };
const limits = { parallel: 1_000, tokens: 2 ** 50, usdMicros: 2 ** 50 };

/** The three scopes of a call; 16 streams in 4 sessions of one tenant. */
function scopesOf(nth: number): readonly HoldScope[] {
  return [
    { source: "stream", key: `stream:${nth % 16}`, limits },
    { source: "session", key: `session:${nth % 4}`, limits },
    { source: "tenant", key: "tenant:acme", limits },
  ];
}

async function round(store: LedgerStore, name: string): Promise<number> {
  let next = 0;
  const began = performance.now();
  async function caller(): Promise<void> {
    for (let nth = next++; nth < PAIRS; nth = next++) {
      const hold = `${name}-${nth}`;
      const { ok } = await store.reserve(hold, scopesOf(nth), amounts, 60_000);
      if (!ok) throw new Error("a hold was refused that fits");
      await store.settle(hold, { tokens: 900, usdMicros: 1_900 });
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  return (2 * PAIRS) / ((performance.now() - began) / 1_000);
}

/** G3e through Redis: awaited reserve and settle calls over three scopes, 64 in flight, each one operation. */
export async function redisRate(): Promise<readonly Goal[]> {
  const server = await startRedisServer();
  const redis = connectRedis({ url: server.url, timeoutMs: 10_000 });
  try {
    await redisReady(redis, 10_000);
    const store = createRedisLedgerStore({ redis });
    const rates: number[] = [];
    for (let i = 0; i < ROUNDS; i++) rates.push(await round(store, `r${i}`));
    const books = await store.read("tenant:acme");
    if (books?.posted.usdMicros !== ROUNDS * PAIRS * 1_900 || books.reserved.parallel !== 0)
      throw new Error(`the books are wrong: ${JSON.stringify(books)}`);
    return [
      goal(
        "G3e.redis",
        "LedgerStore operations a second through one redis-server, 64 in flight, 3 scopes",
        "operations/s",
        spread(rates.slice(1)),
        ">=",
        8_000,
      ),
    ];
  } finally {
    redis.disconnect();
    await server.stop();
  }
}
