import { createHash } from "node:crypto";
import type { NonceStore } from "atp-protocol/integrity";
import type { Redis } from "ioredis";

/** Options of {@link createRedisNonceStore}. */
export interface RedisNonceOptions {
  /** A connection that fails fast, such as `connectRedis` makes. */
  readonly redis: Redis;
  /** What every key begins with. @default "atp:" */
  readonly prefix?: string;
}

/** Nonces on Redis, so that a frame that one router took is taken by no other (A10). One command a frame; Redis forgets by itself. */
export function createRedisNonceStore({ redis, prefix = "atp:" }: RedisNonceOptions): NonceStore {
  return {
    async record(principal, nonce, untilMs, nowMs, owner = "") {
      const name = createHash("sha256").update(`${principal}\n${nonce}`).digest("base64url");
      const before = await redis.set(`${prefix}nonce:${name}`, owner, "PX", Math.max(1, untilMs - nowMs), "NX", "GET");
      return before === null || (owner !== "" && before === owner);
    },
  };
}
