import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { StoreUnavailable } from "../ports/index.js";

/** Runs a script by its hash; the text travels when the server does not know it, as after a restart. */
export type RunScript<N extends string> = (
  name: N,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
) => Promise<unknown>;

/** Scripts on a connection. @throws StoreUnavailable, whatever went wrong */
export function scriptsOn<N extends string>(redis: Redis, scripts: Readonly<Record<N, string>>): RunScript<N> {
  const hashes = new Map<string, string>();
  for (const [name, text] of Object.entries<string>(scripts))
    hashes.set(name, createHash("sha1").update(text).digest("hex"));

  return async (name, keys, args) => {
    try {
      return await redis.evalsha(hashes.get(name) ?? "", keys.length, ...keys, ...args);
    } catch (error) {
      if (!isMissingScript(error)) throw unavailable(error);
      return redis.eval(scripts[name], keys.length, ...keys, ...args).catch((again: unknown) => {
        throw unavailable(again);
      });
    }
  };
}

function isMissingScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

/** What a failure of Redis means: whether the command may have been applied. */
export function unavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  const message = error instanceof Error ? error.message : String(error);
  // It never left this process, or the server said that it did nothing.
  const never =
    /enableOfflineQueue|Connection is closed|ECONNREFUSED|^(?:LOADING|READONLY|MASTERDOWN|OOM|MISCONF|NOAUTH|NOPERM)/.test(
      message,
    );
  return new StoreUnavailable(`Redis cannot be asked: ${message}`, never ? "no" : "unknown", error);
}
