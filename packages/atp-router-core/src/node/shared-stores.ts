import type { RouterConfig } from "../runtime/index.js";
import type { ProcessConfig } from "./config.js";

/** Hears of the connection to Redis. */
export type RedisState = (state: "ready" | "lost", reason?: string) => void;

/**
 * The stores that routers share by a configuration; nothing without a Redis. A Redis that is away does not keep a router from
 * starting: it is not ready, and money fails closed, until it is there.
 * @throws Error when `ioredis` is not installed
 */
export async function sharedStores(
  { redisUrl, file }: ProcessConfig,
  told?: RedisState,
): Promise<Pick<RouterConfig, "ledger" | "replay">> {
  if (redisUrl === undefined) return {};
  const { connectRedis, createLeasedLedgerStore, createRedisLedgerStore, createRedisReplayStore } = await import(
    "../redis/index.js"
  ).catch((cause: unknown) => {
    throw new Error("REDIS_URL needs the package ioredis: install it beside atp-router-core", { cause });
  });
  const { prefix, timeout_ms: timeoutMs, budgets, replay } = file.redis ?? {};
  const redis = connectRedis({
    url: redisUrl,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(told === undefined ? {} : { onState: told }),
  });
  const named = { redis, ...(prefix === undefined ? {} : { prefix }) };
  const ledger = createRedisLedgerStore(named);
  return {
    // What is said goes through Redis only when routers are to take up one another's sessions: it costs a write a message.
    ...(replay === true ? { replay: createRedisReplayStore(named) } : {}),
    ledger: budgets === "leased" ? createLeasedLedgerStore({ shared: ledger, pressure: ledger.pressure }) : ledger,
  };
}
