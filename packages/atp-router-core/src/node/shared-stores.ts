import type { RouterConfig } from "../runtime/index.js";
import type { ProcessConfig } from "./config.js";

/** Hears of the connection to Redis. */
export type RedisState = (state: "ready" | "lost", reason?: string) => void;

/** How long a start waits for Redis. */
const START_MS = 2_000;

/**
 * The stores that routers share by a configuration; nothing without a Redis. A Redis that is away does not keep a router from
 * starting: it is not ready, and money fails closed, until it is there.
 * @throws Error when `ioredis` is not installed, or a newer version wrote what is there
 */
export async function sharedStores(
  { redisUrl, file }: ProcessConfig,
  told?: RedisState,
): Promise<Pick<RouterConfig, "ledger" | "replay" | "runs" | "nonces" | "learningStore">> {
  if (redisUrl === undefined) return {};
  const stores = await import("../redis/index.js").catch((cause: unknown) => {
    throw new Error("REDIS_URL needs the package ioredis: install it beside atp-router-core", { cause });
  });
  const { prefix = "atp:", timeout_ms: timeoutMs, budgets, replay } = file.redis ?? {};
  const redis = stores.connectRedis({
    url: redisUrl,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(told === undefined ? {} : { onState: told }),
  });
  // What is asked first is then answered; without it the router starts too, and says that it is not ready.
  const isThere = await stores.redisReady(redis, START_MS).then(
    () => true,
    () => false,
  );
  if (isThere) {
    await stores.checkSchema(redis, prefix).catch((error: unknown) => {
      if (!(error instanceof stores.StoreTooNew)) return;
      redis.disconnect();
      throw error;
    });
  }
  stores.guardSchema(redis, prefix, ({ message }) => told?.("lost", message));
  const named = { redis, prefix };
  const ledger = stores.createRedisLedgerStore(named);
  return {
    // What is said goes through Redis only when routers are to take up one another's sessions: it costs a write a message.
    ...(replay === true ? { replay: stores.createRedisReplayStore(named) } : {}),
    ledger:
      budgets === "leased" ? stores.createLeasedLedgerStore({ shared: ledger, pressure: ledger.pressure }) : ledger,
    runs: stores.createRedisRunStore(named),
    // Asked only where frames are signed.
    nonces: stores.createRedisNonceStore(named),
    // Asked only where something is learned.
    learningStore: stores.createRedisLearningStore(named),
  };
}
