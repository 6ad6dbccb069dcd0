import type { Redis } from "ioredis";
import type { LearningStore } from "../ports/index.js";
import { scriptsOn } from "./scripts.js";

/** Options of {@link createRedisLearningStore}. */
export interface RedisLearningOptions {
  /** A connection that fails fast, such as `connectRedis` makes. */
  readonly redis: Redis;
  /** What every key begins with. @default "atp:" */
  readonly prefix?: string;
  /** How long the state of a router that is gone is kept. Others have taken it in by then. @default 604800000, a week */
  readonly keptMs?: number;
}

const WEEK_MS = 604_800_000;

/** KEYS states, times; ARGV replica, state, keptMs. The server's clock tells who is gone. */
const exchange = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])) do
  redis.call('HDEL', KEYS[1], gone)
  redis.call('ZREM', KEYS[2], gone)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local others = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then others[#others + 1] = all[i + 1] end
end
return others`;

/** What routers learned, on Redis 7: one hash with a field for each router. */
export function createRedisLearningStore({
  redis,
  prefix = "atp:",
  keptMs = WEEK_MS,
}: RedisLearningOptions): LearningStore {
  const run = scriptsOn(redis, { exchange });
  const keys = [`${prefix}{learning}:states`, `${prefix}{learning}:times`];
  return {
    async exchange(replica, state) {
      const others = (await run("exchange", keys, [replica, JSON.stringify(state), keptMs])) as readonly string[];
      return others.map((text) => JSON.parse(text) as unknown);
    },
  };
}
