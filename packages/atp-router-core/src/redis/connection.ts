import { Redis } from "ioredis";

/** Options of {@link connectRedis}. */
export interface RedisConnectionOptions {
  /** `redis://[:password@]host:port[/db]`, `rediss://` with TLS. */
  readonly url: string;
  /** How long a command may take. @default 1000 */
  readonly timeoutMs?: number;
  /** Hears when the connection is lost and when it is back. */
  readonly onState?: (state: "ready" | "lost", reason?: string) => void;
}

const MAX_RECONNECT_MS = 2_000;

/**
 * A connection that fails fast: no command waits for a server that is away, and none is sent a second time by the library, because
 * only the caller knows whether that is harmless. It connects again by itself.
 */
export function connectRedis({ url, timeoutMs = 1_000, onState }: RedisConnectionOptions): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs * 2,
    enableReadyCheck: true,
    retryStrategy: (attempt) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(attempt, 6)),
  });
  let reason: string | undefined;
  // Without a listener an error of the connection would end the process; every command that it hit has failed already.
  redis.on("error", (error: Error) => {
    reason = error.message;
  });
  redis.on("ready", () => onState?.("ready"));
  redis.on("close", () => onState?.("lost", reason));
  return redis;
}

/** Resolves when the connection is ready; rejects when that takes longer. */
export function redisReady(redis: Redis, withinMs: number): Promise<void> {
  if (redis.status === "ready") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      redis.off("ready", ready);
      reject(new Error(`Redis did not answer within ${withinMs} ms`));
    }, withinMs);
    const ready = (): void => {
      clearTimeout(late);
      resolve();
    };
    redis.once("ready", ready);
  });
}
