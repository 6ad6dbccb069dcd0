import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { runStoreLimits } from "../ports/index.js";
import type { RunClaim, RunName, RunStore, RunStoreLimits } from "../ports/index.js";
import { runScripts } from "./run-scripts.js";
import { scriptsOn } from "./scripts.js";

/** Options of {@link createRedisRunStore}. */
export interface RedisRunOptions extends RunStoreLimits {
  /** A connection that fails fast, such as `connectRedis` makes. */
  readonly redis: Redis;
  /** What every key begins with. @default "atp:" */
  readonly prefix?: string;
}

const digest = (text: string): string => createHash("sha256").update(text).digest("base64url");

/**
 * Idempotency keys on Redis 7, so that a key counts at every router. Names and contents are kept as digests; the end is kept as it was
 * told. All keys of a tenant lie in one slot, and its clock is the server's.
 */
export function createRedisRunStore({ redis, prefix = "atp:", ...limits }: RedisRunOptions): RunStore {
  const { keptMs, leaseMs, maxRuns, maxBytes } = runStoreLimits(limits);
  const run = scriptsOn(redis, runScripts);

  function keysOf({ tenant, name }: RunName): { readonly member: string; readonly keys: readonly string[] } {
    const slot = `${prefix}{run:${digest(tenant)}}`;
    const member = digest(name);
    return { member, keys: [`${slot}:${member}`, `${slot}:names`, `${slot}:sizes`] };
  }

  return {
    async claim(of, claimant) {
      const { member, keys } = keysOf(of);
      const args = [digest(of.content), claimant, leaseMs, keptMs, maxRuns, maxBytes, member];
      const [t, one, two] = (await run("claim", keys, args)) as [RunClaim["t"], unknown, unknown];
      if (t === "ended") return { t, end: String(one) };
      if (t === "full") return { t, runs: Number(one), bytes: Number(two) };
      return { t };
    },
    async renew(of, claimant) {
      const { member, keys } = keysOf(of);
      return (await run("renew", keys.slice(0, 2), [claimant, leaseMs, member])) === 1;
    },
    async finish(of, claimant, end) {
      const { member, keys } = keysOf(of);
      const args = [digest(of.content), claimant, keptMs, member, end, Buffer.byteLength(end)];
      return (await run("finish", keys, args)) === 1;
    },
    async release(of, claimant) {
      const { member, keys } = keysOf(of);
      await run("release", keys.slice(0, 2), [claimant, member]);
    },
  };
}
