import type { Redis } from "ioredis";
import type { HoldAsk, HoldScope, Limits, ReserveResult } from "../model/index.js";
import { sumOf } from "../money/account.js";
import type { LedgerStore } from "../ports/index.js";
import type { LeasePressure } from "./leased-ledger.js";
import { isShared, tenantName, tenantOf, uniqueScopes } from "./ledger-names.js";
import { assertCountable, balance, ceilings, counted, refused, resultOf, sourcesOf } from "./ledger-replies.js";
import type { Reply } from "./ledger-replies.js";
import { ledgerScripts } from "./ledger-scripts.js";
import { scriptsOn, unavailable } from "./scripts.js";

/** Options of {@link createRedisLedgerStore}. */
export interface RedisLedgerOptions {
  /** A connection that fails fast, such as `connectRedis` makes. */
  readonly redis: Redis;
  /** A second connection, for the messages of other routers. @default a duplicate of `redis` */
  readonly subscriber?: Redis;
  /** What every key begins with. @default "atp:" */
  readonly prefix?: string;
  /** Milliseconds for expiry. @default Redis's own clock, which is the same for every router */
  readonly now?: () => number;
  /** Sweeps of all routers together run once in so long. 0: each sweep runs. @default 1000 */
  readonly sweepEveryMs?: number;
}

/** The store, and the way to let go of its second connection. */
export interface RedisLedgerStore extends LedgerStore {
  /** For leased stores over it: refused routers ask the others for what they do not use. */
  readonly pressure: LeasePressure;
  close(): void;
}

/** A scope of a stream or session is kept so long after its last hold, when nobody forgot it. */
const KEEP_PRIVATE_MS = 3_600_000;
/** A tenant that asked for nothing for so long has no open hold any more. */
const ACTIVE_MS = 3_600_000;
const REGISTER_EVERY_MS = 10_000;
const SWEPT_AT_ONCE = 100;
/** So often a refusal is put to the question again because room was told of meanwhile. */
const ASKED_AT_MOST = 4;

/**
 * Budgets that routers share, on Redis 7: each operation is one script, so that no two routers can grant the same money. All keys of
 * a tenant carry its hash tag and lie in one slot. A router that dies leaves holds that any other resolves when they expire. It never
 * waits for a server that is away: money fails closed.
 */
export function createRedisLedgerStore(options: RedisLedgerOptions): RedisLedgerStore {
  const { redis, prefix = "atp:", now, sweepEveryMs = 1_000 } = options;
  const run = scriptsOn(redis, ledgerScripts);
  const listeners = new Set<() => void>();
  /** The tenant of each hold and scope that this router uses. */
  const tenantOfHold = new Map<string, string>();
  const tenantOfScope = new Map<string, string>();
  /** Ceilings that were set before their scope was used. */
  const early = new Map<string, Limits>();
  const registered = new Map<string, number>();
  const voided = new Set<string>();
  /** By tenant, what is settled in this turn: what is forgotten in the same turn, as when a stream ends, goes along. */
  const settling = new Map<string, { readonly keys: string[]; readonly settled: Promise<unknown> }>();
  const tenants = `${prefix}tenants`;
  const channel = `${prefix}room`;
  const pressureChannel = `${prefix}pressure`;
  const pressed = new Set<(scope: string) => void>();
  let subscriber: Redis | undefined;

  const key = (tenant: string, kind: string, id: string): string => `${prefix}{${tenant}}:${kind}:${id}`;
  const expiries = (tenant: string): string => `${prefix}{${tenant}}:expiries`;
  const waiting = (tenant: string): string => `${prefix}{${tenant}}:waiting`;
  const at = (): string => (now === undefined ? "" : String(Math.round(now())));
  /** How often room was told of. */
  let rooms = 0;
  let again: NodeJS.Immediate | undefined;
  const room = (): void => {
    rooms++;
    for (const listener of [...listeners]) listener();
  };

  /** Says that a tenant has holds that a sweep must look at, before the first of them is there. */
  async function register(tenant: string): Promise<void> {
    const wall = now?.() ?? Date.now();
    if (wall - (registered.get(tenant) ?? -Infinity) < REGISTER_EVERY_MS) return;
    await redis.zadd(tenants, wall, tenant).catch((error: unknown) => {
      throw unavailable(error);
    });
    registered.set(tenant, wall);
  }

  async function sweepTenant(tenant: string): Promise<string[]> {
    const swept: string[] = [];
    for (;;) {
      const args = [at(), SWEPT_AT_ONCE, key(tenant, "h", ""), channel];
      const ids = (await run("sweep", [expiries(tenant), waiting(tenant)], args)) as string[];
      swept.push(...ids);
      for (const id of ids) tenantOfHold.delete(id);
      if (ids.length < SWEPT_AT_ONCE) return swept;
    }
  }

  /**
   * What only an expired hold stands in the way of is granted. Room that was told of while a refusal was on its way came too early for
   * whoever waits for this answer: it is asked again, and when that happens often, told again after the answer.
   */
  async function orSweep(tenant: string, ask: () => Promise<ReserveResult>): Promise<ReserveResult> {
    for (let asked = 1; ; asked++) {
      const heard = rooms;
      const result = await ask();
      if (result.ok) return result;
      const swept = await sweepTenant(tenant);
      if (swept.length === 0 && heard === rooms) return result;
      if (asked < ASKED_AT_MOST) continue;
      tellAgain();
      return result;
    }
  }

  function tellAgain(): void {
    if (again !== undefined) return;
    again = setImmediate(() => {
      again = undefined;
      room();
    });
  }

  async function unlessSwept(): Promise<boolean> {
    if (sweepEveryMs === 0) return true;
    const turn = await redis.set(`${prefix}sweep`, "1", "PX", sweepEveryMs, "NX").catch((error: unknown) => {
      throw unavailable(error);
    });
    return turn === "OK";
  }

  /** The second connection, made when something is listened for first. */
  function listening(): Redis {
    if (subscriber !== undefined) return subscriber;
    subscriber = options.subscriber ?? redis.duplicate({ enableOfflineQueue: true });
    subscriber.on("error", () => undefined);
    // After a reconnect something may have been freed unheard.
    subscriber.on("ready", room);
    subscriber.on("message", (from: string, text: string) => {
      if (from === channel) room();
      else for (const hear of pressed) hear(text);
    });
    subscriber.subscribe(channel, pressureChannel).catch(() => undefined);
    return subscriber;
  }

  async function reserveAll(
    holds: readonly HoldAsk[],
    scopes: readonly HoldScope[],
    ttlMs: number,
  ): Promise<ReserveResult> {
    for (const { amounts } of holds) assertCountable(amounts, ttlMs);
    const own = uniqueScopes(scopes);
    const asked = sumOf(holds);
    if (holds.some(({ hold }) => voided.has(hold))) return refused(own, asked);
    const tenant = tenantOf(own);
    for (const { hold } of holds) tenantOfHold.set(hold, tenant);
    for (const scope of own) tenantOfScope.set(scope.key, tenant);
    await register(tenant);
    const keys = [expiries(tenant), waiting(tenant), ...holds.map(({ hold }) => key(tenant, "h", hold))];
    const args: (string | number)[] = [at(), Math.ceil(ttlMs), holds.length];
    for (const { hold, amounts, leaves } of holds)
      args.push(amounts.parallel, amounts.tokens, amounts.usdMicros, hold, leaves === true ? "1" : "");
    for (const scope of own) {
      keys.push(key(tenant, "s", scope.key));
      args.push(
        ...ceilings(early.get(scope.key) ?? scope.limits),
        isShared(scope) ? "" : KEEP_PRIVATE_MS + Math.ceil(ttlMs),
      );
    }
    return orSweep(tenant, async () => {
      const reply = (await run("reserve", keys, args)) as Reply;
      if (reply[0] !== 2) for (const scope of own) early.delete(scope.key);
      return resultOf(reply, own, asked);
    });
  }

  return {
    pressure: {
      tell: (scope) => void redis.publish(pressureChannel, scope).catch(() => undefined),
      listen(listener) {
        pressed.add(listener);
        listening();
        return () => pressed.delete(listener);
      },
    },
    reserve: (hold, scopes, amounts, ttlMs, leaves = false) => reserveAll([{ hold, amounts, leaves }], scopes, ttlMs),
    reserveAll,
    async extend(hold, attempt, more) {
      assertCountable(more, 0);
      const tenant = tenantOfHold.get(hold);
      if (tenant === undefined) return refused([], more);
      const keys = [key(tenant, "h", hold), waiting(tenant)];
      const args = [attempt, more.parallel, more.tokens, more.usdMicros];
      return orSweep(tenant, async () => {
        const reply = (await run("extend", keys, args)) as Reply;
        return resultOf(reply, sourcesOf(reply), more);
      });
    },
    async dispatched(hold) {
      const tenant = tenantOfHold.get(hold);
      if (tenant !== undefined) await run("dispatched", [key(tenant, "h", hold)], []);
    },
    async recalled(hold) {
      const tenant = tenantOfHold.get(hold);
      if (tenant !== undefined) await run("recalled", [key(tenant, "h", hold)], []);
    },
    async settle(hold, used) {
      const tenant = tenantOfHold.get(hold);
      if (tenant === undefined) return;
      const args = [hold, counted(used.tokens), counted(used.usdMicros), channel];
      const keys = [key(tenant, "h", hold), expiries(tenant), waiting(tenant)];
      const settled = Promise.resolve().then(() => {
        if (settling.get(tenant)?.keys === keys) settling.delete(tenant);
        return run("settle", keys, args);
      });
      settling.set(tenant, { keys, settled });
      const freed = await settled;
      tenantOfHold.delete(hold);
      if (freed === 1) room();
    },
    async void(hold) {
      const tenant = tenantOfHold.get(hold);
      if (tenant === undefined) {
        // Its reservation never left this router; should it still come, it must not come to life.
        voided.add(hold);
        if (voided.size > 16_384) voided.clear();
        return;
      }
      const freed = await run("release", [key(tenant, "h", hold), expiries(tenant), waiting(tenant)], [hold, channel]);
      tenantOfHold.delete(hold);
      if (freed === 1) room();
    },
    async setLimit(scope, limits) {
      const tenant = tenantOfScope.get(scope) ?? tenantName(scope);
      if (tenant === undefined) {
        early.set(scope, limits);
        return;
      }
      const args = [...ceilings(limits), channel];
      if ((await run("limit", [key(tenant, "s", scope), waiting(tenant)], args)) === 1) room();
    },
    async read(scope) {
      const tenant = tenantOfScope.get(scope) ?? tenantName(scope);
      if (tenant === undefined) return undefined;
      const reply = await redis
        .hmget(key(tenant, "s", scope), "mp", "mt", "mu", "pt", "pu", "rp", "rt", "ru")
        .catch((error: unknown) => {
          throw unavailable(error);
        });
      return reply[0] === null ? undefined : balance(reply as string[]);
    },
    async forget(scope) {
      early.delete(scope);
      const tenant = tenantOfScope.get(scope) ?? tenantName(scope);
      if (tenant === undefined) return;
      const along = settling.get(tenant);
      along?.keys.push(key(tenant, "s", scope));
      await (along?.settled ?? run("forget", [key(tenant, "s", scope)], []));
      tenantOfScope.delete(scope);
    },
    async sweep() {
      if (!(await unlessSwept())) return [];
      const since = (now?.() ?? Date.now()) - ACTIVE_MS;
      const active = await redis.zrangebyscore(tenants, since, "+inf").catch((error: unknown) => {
        throw unavailable(error);
      });
      const swept = (await Promise.all(active.map(sweepTenant))).flat();
      if (swept.length > 0) room();
      return swept;
    },
    watch(listener) {
      listeners.add(listener);
      listening();
      return () => listeners.delete(listener);
    },
    close() {
      listeners.clear();
      subscriber?.disconnect();
    },
  };
}
