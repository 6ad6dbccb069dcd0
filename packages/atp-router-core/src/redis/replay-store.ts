import type { Redis } from "ioredis";
import type { ReplayCommand, ReplayEntry, ReplayKey, ReplayStore } from "atp-protocol/replay";
import type { Clock } from "../ports/index.js";
import { systemClock } from "../runtime/index.js";
import { createFollowers } from "./replay-follow.js";
import { takeCommands } from "./replay-queue.js";
import { replayScripts } from "./replay-scripts.js";
import { scriptsOn, unavailable } from "./scripts.js";

/** Options of {@link createRedisReplayStore}. */
export interface RedisReplayOptions {
  /** A connection that fails fast, such as `connectRedis` makes. */
  readonly redis: Redis;
  /** What every key begins with. @default "atp:" */
  readonly prefix?: string;
  /** Sessions of a router that is lost are kept so long; those of a living one as long as it lives. @default 600000 */
  readonly keepMs?: number;
  /** A router that said nothing for so long counts as lost. @default 10000 */
  readonly leaseMs?: number;
  /** Commands that may wait for a router; one that takes none counts as lost. @default 10000 */
  readonly maxQueued?: number;
  /** For renewals. @default the system's */
  readonly clock?: Clock;
}

/** The store, and the way to let go of its connections. */
export interface RedisReplayStore extends ReplayStore {
  close(): void;
}

/**
 * Replay buffers, owners and commands on Redis 7. Messages and command queues are Redis Streams, so that a reader whose connection
 * broke goes on where it was. A token's key only points at its session, whose own list decides, so that a token that was taken back is
 * dead at once. All keys of a session lie in one slot. Every method rejects with StoreUnavailable while Redis is away.
 */
export function createRedisReplayStore(options: RedisReplayOptions): RedisReplayStore {
  const { redis, prefix = "atp:", keepMs = 600_000, leaseMs = 10_000, maxQueued = 10_000 } = options;
  const clock = options.clock ?? systemClock();
  const run = scriptsOn(redis, replayScripts);
  const followers = createFollowers(redis);
  const stops = new Set<() => void>();
  /** Sessions that were published here, with their owner and when their keys were last kept alive. */
  const published = new Map<string, { readonly owner: string; touchedAt: number }>();

  const tokenKey = (id: string): string => `${prefix}token:${id}`;
  const sessionKey = (session: string): string => `${prefix}{${session}}:session`;
  const streamsKey = (session: string): string => `${prefix}{${session}}:streams`;
  const messagesOf = (session: string): string => `${prefix}{${session}}:m:`;
  const booksOf = (session: string): string => `${prefix}{${session}}:b:`;
  const aliveKey = (owner: string): string => `${prefix}{${owner}}:alive`;
  const queueKey = (owner: string): string => `${prefix}{${owner}}:queue`;

  async function asked<T>(reply: Promise<T>): Promise<T> {
    return reply.catch((error: unknown) => {
      throw unavailable(error);
    });
  }

  async function setTokens(session: string, ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => asked(redis.set(tokenKey(id), session, "PX", keepMs))));
  }

  async function dropTokens(listed: unknown, except: readonly string[] = []): Promise<void> {
    const gone = idsOf(listed).filter((id) => !except.includes(id));
    await Promise.all(gone.map((id) => asked(redis.del(tokenKey(id)))));
  }

  async function entriesAfter(key: ReplayKey, after: number): ReturnType<ReplayStore["read"]> {
    const replies = await asked(
      redis
        .multi()
        .exists(sessionKey(key.session))
        .hget(booksOf(key.session) + key.stream, "lost")
        .xrangeBuffer(messagesOf(key.session) + key.stream, `${after + 1}-0`, "+")
        .exec(),
    );
    const [exists, lost, found] = (replies ?? []).map(([error, value]) => {
      if (error !== null) throw unavailable(error);
      return value;
    });
    if (exists !== 1) return { entries: [], complete: false };
    return {
      entries: (found as [Buffer, Buffer[]][]).map(entryOf),
      complete: Number((lost as string | null) ?? 0) <= after,
    };
  }

  /** Keeps the sessions of an owner that lives, each a few times in its life. */
  function touch(owner: string): void {
    const now = clock.now();
    for (const [session, known] of published) {
      if (known.owner !== owner || now - known.touchedAt < keepMs / 3) continue;
      known.touchedAt = now;
      const keys = [sessionKey(session), streamsKey(session)];
      run("touch", keys, [messagesOf(session), booksOf(session), keepMs])
        .then(async (there) => {
          if (there === 0) published.delete(session);
          else await setTokens(session, idsOf(await redis.hget(sessionKey(session), "t")));
        })
        .catch(() => (known.touchedAt = -Infinity));
    }
  }

  return {
    async publish(session, principal, owner, tokenIds) {
      // Pointers first: a token that points at a session which does not list it is nobody's.
      await setTokens(session, tokenIds);
      const args = [principal, owner, JSON.stringify(tokenIds), keepMs];
      const before = await run("publish", [sessionKey(session), streamsKey(session)], args);
      published.set(session, { owner, touchedAt: clock.now() });
      await dropTokens(before, tokenIds);
    },
    async attach(tokenId, principal) {
      const session = await asked(redis.get(tokenKey(tokenId)));
      if (session === null) return null;
      const [of, owner, ids] = await asked(redis.hmget(sessionKey(session), "p", "o", "t"));
      if (owner == null || !idsOf(ids).includes(tokenId)) return null;
      return of === principal ? { session, owner } : "forbidden";
    },
    async append(key, { seq, data, end }, retentionBytes) {
      const { session, stream } = key;
      const keys = [sessionKey(session), streamsKey(session), messagesOf(session) + stream, booksOf(session) + stream];
      const bytes = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
      const body = typeof data === "string" ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const kind = typeof data === "string" ? "s" : "b";
      const args = [seq, body, kind, end ? 1 : 0, bytes, Math.floor(retentionBytes), keepMs, stream];
      if ((await run("append", keys, args)) === -1) throw new Error(`no session ${session} was published`);
    },
    read: entriesAfter,
    async follow(key, after, sink) {
      if ((await asked(redis.exists(sessionKey(key.session)))) === 0) return () => undefined;
      const read = async (from: number): Promise<readonly ReplayEntry[]> => (await entriesAfter(key, from)).entries;
      return asked(followers.follow(messagesOf(key.session) + key.stream, after, read, sink));
    },
    async trim({ session, stream }, upTo) {
      await run("trim", [messagesOf(session) + stream, booksOf(session) + stream], [upTo]);
    },
    async tell(owner, command: ReplayCommand) {
      return (await run("tell", [aliveKey(owner), queueKey(owner)], [JSON.stringify(command), maxQueued])) === 1;
    },
    async commands(self, take) {
      const keys = { alive: aliveKey(self), queue: queueKey(self) };
      const stop = await asked(takeCommands({ redis, clock, keys, leaseMs, take, renewed: () => touch(self) }));
      stops.add(stop);
      return () => {
        stops.delete(stop);
        stop();
      };
    },
    async forget(session) {
      published.delete(session);
      const keys = [sessionKey(session), streamsKey(session)];
      await dropTokens(await run("forget", keys, [messagesOf(session), booksOf(session)]));
    },
    close() {
      for (const stop of stops) stop();
      stops.clear();
      followers.close();
    },
  };
}

function idsOf(listed: unknown): readonly string[] {
  return typeof listed === "string" ? (JSON.parse(listed) as string[]) : [];
}

/** Fields in the order in which `append` writes them: d, k, e, n. */
function entryOf([id, fields]: [Buffer, Buffer[]]): ReplayEntry {
  const data = fields[1] as Buffer;
  const isText = String(fields[3]) === "s";
  return {
    seq: Number.parseInt(id.toString(), 10),
    data: isText ? data.toString("utf8") : new Uint8Array(data),
    end: String(fields[5]) === "1",
  };
}
