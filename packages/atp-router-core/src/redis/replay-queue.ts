import type { Redis } from "ioredis";
import type { ReplayCommand } from "atp-protocol/replay";
import type { Clock } from "../ports/index.js";

/** What a queue of commands needs. */
export interface QueueOptions {
  readonly redis: Redis;
  readonly clock: Clock;
  /** The owner's sign of life, and its queue. */
  readonly keys: { readonly alive: string; readonly queue: string };
  /** A router that does not say so for this long counts as lost. */
  readonly leaseMs: number;
  readonly take: (command: ReplayCommand) => void;
  /** Called each time that the sign of life was renewed. */
  readonly renewed: () => void;
}

/** Commands that wait for one answer of the server. */
const READ_AT_ONCE = 256;
const BLOCK_MS = 5_000;
const RETRY_MS = 100;

/**
 * Takes commands from a queue, each once and in order, on a connection of its own, for it waits there. A connection that breaks goes
 * on where it was. @returns the way to stop, after the queue is there
 */
export async function takeCommands(options: QueueOptions): Promise<() => void> {
  const { redis, clock, keys, leaseMs, take } = options;
  const reader = redis.duplicate({ commandTimeout: BLOCK_MS * 2, enableOfflineQueue: true });
  // Every command that an error hit has failed already.
  reader.on("error", () => undefined);
  let stopped = false;
  let last = "0-0";
  let stopTimer: (() => void) | undefined;

  function renew(): void {
    if (stopped) return;
    stopTimer = clock.at(clock.now() + leaseMs / 3, renew);
    // Said again in full, for a server that was away may have forgotten it.
    redis.set(keys.alive, "1", "PX", leaseMs).then(options.renewed, () => undefined);
  }

  function deliver(text: string): void {
    let command: ReplayCommand;
    try {
      command = JSON.parse(text) as ReplayCommand;
    } catch {
      return;
    }
    take(command);
  }

  async function read(): Promise<void> {
    const reply = await reader.xread("COUNT", READ_AT_ONCE, "BLOCK", BLOCK_MS, "STREAMS", keys.queue, last);
    for (const [id, fields] of reply?.[0]?.[1] ?? []) {
      if (stopped) return;
      last = id;
      deliver(fields[1] ?? "");
    }
    // What was taken makes place; should this be lost, the next one does it.
    if (reply !== null) redis.xtrim(keys.queue, "MINID", next(last)).catch(() => undefined);
  }

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        await read();
      } catch {
        if (!stopped) await new Promise<void>((resolve) => void clock.at(clock.now() + RETRY_MS, resolve));
      }
    }
  }

  try {
    await redis.multi().del(keys.queue).set(keys.alive, "1", "PX", leaseMs).exec();
  } catch (error) {
    reader.disconnect();
    throw error;
  }
  stopTimer = clock.at(clock.now() + leaseMs / 3, renew);
  void run();
  return () => {
    if (stopped) return;
    stopped = true;
    stopTimer?.();
    // On the connection that `tell` uses, so that this router's next word finds nobody.
    redis.del(keys.alive, keys.queue).catch(() => undefined);
    reader.disconnect();
  };
}

/** The smallest id of a Redis Stream above this one. */
function next(id: string): string {
  const [ms = "0", nth = "0"] = id.split("-");
  return `${ms}-${BigInt(nth) + 1n}`;
}
