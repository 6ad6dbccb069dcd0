/**
 * State that routers share, on Redis 7. Needs the optional peer `ioredis`.
 * @packageDocumentation
 */
export { connectRedis, redisReady } from "./connection.js";
export type { RedisConnectionOptions } from "./connection.js";
export { createRedisLedgerStore } from "./ledger-store.js";
export type { RedisLedgerOptions, RedisLedgerStore } from "./ledger-store.js";
export { createRedisReplayStore } from "./replay-store.js";
export type { RedisReplayOptions, RedisReplayStore } from "./replay-store.js";
export { createLeasedLedgerStore } from "./leased-ledger.js";
export type { LeasedLedgerOptions, LeasedLedgerStore, LeasePressure } from "./leased-ledger.js";
export { createRedisLearningStore } from "./learning-store.js";
export type { RedisLearningOptions } from "./learning-store.js";
export { createRedisNonceStore } from "./nonce-store.js";
export type { RedisNonceOptions } from "./nonce-store.js";
export { createRedisRunStore } from "./run-store.js";
export type { RedisRunOptions } from "./run-store.js";
export { checkSchema, guardSchema, STORE_SCHEMA, StoreTooNew } from "./schema.js";
