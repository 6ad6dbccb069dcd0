/**
 * Objects in Redis: shared by every gateway of the same server, and there after a restart.
 */
import { randomBytes } from "node:crypto";
import { connectRedis, redisReady } from "atp-router-core/redis";
import { idOf, type MemoryPath, tenantOf } from "./memory-path.js";
import {
  type MemoryStore,
  type Precondition,
  type PutOutcome,
  type Quota,
  type SearchHit,
  type StoredObject,
  StoreUnreachable,
  type Usage,
  type VersionMatch,
} from "./memory-store.js";
import { RedisIndex } from "./redis-index.js";
import { keysOf, scripts } from "./redis-scripts.js";

/** Options of {@link openRedisStore}. */
export interface RedisStoreOptions {
  /** `redis://[:password@]host:port[/db]` */
  readonly url: string;
  /** What every key begins with. @default "atp-memory" */
  readonly prefix?: string;
  readonly quota?: Quota;
  /** How long a command may take. @default 1000 */
  readonly timeoutMs?: number;
  /** Hears when Redis is lost and when it is back. */
  readonly onState?: (state: "ready" | "lost", reason?: string) => void;
}

/** A {@link MemoryStore} in Redis. */
export interface RedisStore extends MemoryStore {
  /** Follows what other gateways wrote, so that the next search has little to catch up with. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Connects. @throws Error when Redis does not answer within `timeoutMs` x 5 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const { prefix = "atp-memory", quota = {}, timeoutMs = 1_000 } = options;
  const redis = connectRedis({
    url: options.url,
    timeoutMs,
    ...(options.onState === undefined ? {} : { onState: options.onState }),
  });
  await redisReady(redis, timeoutMs * 5).catch((error: unknown) => {
    redis.disconnect();
    throw error;
  });
  const keys = keysOf(prefix);
  const objects = keys.of("o:");
  const epoch = randomBytes(6).toString("base64url");
  const index = new RedisIndex(redis, prefix);

  async function run(script: string, path: MemoryPath, args: readonly (string | number)[]): Promise<unknown> {
    const id = idOf(path);
    const tenant = tenantOf(path.ns);
    const names = ["changes", "counter", `sizes:${tenant}`, `expiries:${tenant}`, `used:${tenant}`, "tenants"];
    const named = [...names.map((name) => keys.of(name)), `${objects}${id}`];
    return reached(() => redis.eval(script, named.length, ...named, id, tenant, objects, ...args));
  }

  return {
    async get(path): Promise<StoredObject | undefined> {
      // Redis itself stops serving what has expired.
      const [json, etag] = await reached(() => redis.hmget(`${objects}${idOf(path)}`, "json", "etag"));
      return json == null || etag == null ? undefined : { json, etag };
    },
    async put(path, json, ttlMs, precondition): Promise<PutOutcome> {
      const bytes = Buffer.byteLength(json, "utf8") + Buffer.byteLength(idOf(path), "utf8");
      const limits = [quota.maxBytes ?? "", quota.maxObjects ?? ""];
      const args = [json, bytes, ttlMs ?? "", ...conditions(precondition), epoch, ...limits];
      const [outcome, detail] = (await run(scripts.put, path, args)) as [PutOutcome["outcome"], string];
      switch (outcome) {
        case "created":
        case "replaced":
          return { outcome, etag: detail };
        case "quota":
          return { outcome, over: detail === "bytes" ? "bytes" : "objects" };
        default:
          return { outcome };
      }
    },
    async delete(path, precondition) {
      return (await run(scripts.remove, path, conditions(precondition))) as "deleted" | "absent" | "failed";
    },
    async search(query, ns, limit): Promise<readonly SearchHit[]> {
      return reached(() => index.search(query, ns, limit));
    },
    async usage(tenant): Promise<Usage> {
      const [bytes, count] = await reached(() => redis.hmget(keys.of(`used:${tenant}`), "bytes", "objects"));
      return { bytes: Number(bytes ?? 0), objects: Number(count ?? 0) };
    },
    ready: () =>
      redis.ping().then(
        () => true,
        () => false,
      ),
    sync: () => reached(() => index.sync()),
    async close() {
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}

/** Whatever goes wrong with Redis means that the store could not be asked. */
async function reached<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new StoreUnreachable(`Redis cannot be asked: ${(cause as Error).message}`, { cause });
  }
}

function conditions({ ifMatch, ifNoneMatch }: Precondition): string[] {
  return [conditionText(ifMatch), conditionText(ifNoneMatch)];
}

/** `*`, versions by line, or nothing. A list without a version matches none: a line that no version is. */
function conditionText(match: VersionMatch | undefined): string {
  if (match === undefined || match === "*") return match ?? "";
  return match.length === 0 ? " " : match.join("\n");
}
