import type { Redis } from "ioredis";
import type { ReplayEntry } from "atp-protocol/replay";

/** Reads a stream's kept messages above a number. */
export type ReadAfter = (after: number) => Promise<readonly ReplayEntry[]>;

/** Followers of streams, woken by messages of the server. */
export interface Followers {
  /** Delivers what `read` finds above `after`, now and whenever something was added. Resolves when the first is delivered. */
  follow(channel: string, after: number, read: ReadAfter, sink: (entry: ReplayEntry) => void): Promise<() => void>;
  close(): void;
}

interface Follower {
  readonly channel: string;
  wake(): Promise<void>;
}

/** Followers on one connection of their own, made when the first comes. A connection that breaks wakes them all when it is back. */
export function createFollowers(redis: Redis): Followers {
  const followers = new Map<string, Set<Follower>>();
  let subscriber: Redis | undefined;

  function wake(channel: string): void {
    // What cannot be read now is read at the next message, or when the connection is back.
    for (const follower of followers.get(channel) ?? []) follower.wake().catch(() => undefined);
  }

  function connection(): Redis {
    if (subscriber !== undefined) return subscriber;
    subscriber = redis.duplicate({ enableOfflineQueue: true });
    subscriber.on("error", () => undefined);
    subscriber.on("message", wake);
    subscriber.on("ready", () => {
      for (const channel of followers.keys()) wake(channel);
    });
    return subscriber;
  }

  function leave(follower: Follower): void {
    const all = followers.get(follower.channel);
    all?.delete(follower);
    if (all?.size !== 0) return;
    followers.delete(follower.channel);
    subscriber?.unsubscribe(follower.channel).catch(() => undefined);
  }

  return {
    async follow(channel, after, read, sink) {
      let seen = after;
      let stopped = false;
      let again = false;
      let running: Promise<void> | undefined;

      async function pump(): Promise<void> {
        do {
          again = false;
          for (const entry of await read(seen)) {
            if (stopped) return;
            seen = entry.seq;
            sink(entry);
          }
        } while (again);
      }
      const follower: Follower = {
        channel,
        wake() {
          again = true;
          running ??= pump().finally(() => (running = undefined));
          return running;
        },
      };
      const others = followers.get(channel);
      if (others === undefined) followers.set(channel, new Set([follower]));
      else others.add(follower);
      try {
        // Heard before it is read, so that nothing falls between.
        await connection().subscribe(channel);
        await follower.wake();
      } catch (error) {
        leave(follower);
        throw error;
      }
      return () => {
        stopped = true;
        leave(follower);
      };
    },
    close() {
      followers.clear();
      subscriber?.disconnect();
    },
  };
}
