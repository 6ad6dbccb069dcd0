import { fits, sumOf } from "../money/account.js";
import { createLedger } from "../money/index.js";
import type { Amounts, HoldAsk, HoldScope, Limits, Ms, ReserveResult } from "../model/index.js";
import type { Clock, LedgerStore } from "../ports/index.js";
import { systemClock } from "../runtime/index.js";
import { createLease } from "./lease.js";
import type { Lease } from "./lease.js";

/** How routers ask one another to give back what they do not use. */
export interface LeasePressure {
  /** This router was refused on a scope while others hold some of it. */
  tell(scope: string): void;
  /** Hears of others that were. Returns the way to stop. */
  listen(listener: (scope: string) => void): () => void;
}

/** Options of {@link createLeasedLedgerStore}. */
export interface LeasedLedgerOptions {
  /** The books that routers share. */
  readonly shared: LedgerStore;
  /** @default nobody is asked; unused chunks come back when they are idle */
  readonly pressure?: LeasePressure;
  /** @default the system's */
  readonly clock?: Clock;
  /** A chunk is this share of what is left of a budget: as it runs out, chunks shrink to single holds. @default 1/32 */
  readonly share?: number;
  /** A chunk that nobody held inside of for so long goes back. @default 250 */
  readonly idleMs?: number;
  /** A chunk takes no new hold after this. @default 2000 */
  readonly ageMs?: number;
  /** What begins the names of this router's chunks; must differ between routers. @default random */
  readonly router?: string;
}

/** A leased store, and the way to give everything back. */
export interface LeasedLedgerStore extends LedgerStore {
  /** Gives back every chunk in which nothing runs. */
  giveBack(): Promise<void>;
  close(): void;
}

let stores = 0;

/**
 * Budgets in chunks: a router borrows a part of each tenant's budget as one hold of the shared store, and holds calls inside it without
 * asking anybody, in a few additions. A chunk whose calls are all settled is settled at their sum, so that what is posted is what was
 * used. Spending can never pass the limit: a chunk is money that nobody else can hold. Near the limit chunks are single holds, and a
 * router that is refused asks the others for what they do not use.
 *
 * A router that dies leaves its chunks to expire: one in which a call was dispatched is posted in full, any other comes back.
 *
 * Scopes of streams and sessions are kept in this router's own books.
 */
export function createLeasedLedgerStore(options: LeasedLedgerOptions): LeasedLedgerStore {
  const { shared, pressure, share = 1 / 32, idleMs = 250, ageMs = 2_000 } = options;
  const clock = options.clock ?? systemClock();
  const router = options.router ?? `lease-${process.pid}-${clock.wall().toString(36)}-${stores++}`;
  const own = createLedger();
  const leases = new Map<string, Lease>();
  /** Each open hold's leases, one for each shared scope. */
  const holds = new Map<string, readonly Lease[]>();
  const listeners = new Set<() => void>();
  const room = (): void => {
    for (const listener of [...listeners]) listener();
  };

  function leaseOf(scope: HoldScope): Lease {
    let lease = leases.get(scope.key);
    if (lease === undefined) {
      lease = createLease({ scope, shared, clock, share, idleMs, ageMs, name: `${router}:${scope.key}`, freed: room });
      leases.set(scope.key, lease);
    }
    return lease;
  }

  /** Holds inside every shared scope's lease, or in none. */
  async function borrow(
    hold: string,
    scopes: readonly HoldScope[],
    amounts: Amounts,
    ttlMs: Ms,
  ): Promise<ReserveResult> {
    const taken: Lease[] = [];
    for (const scope of scopes) {
      const lease = leaseOf(scope);
      const result = lease.tryHold(hold, amounts, ttlMs) ? granted : await lease.hold(hold, amounts, ttlMs);
      if (!result.ok) {
        for (const other of taken) void other.release(hold);
        press(scope.key, result);
        return result;
      }
      taken.push(lease);
    }
    holds.set(hold, taken);
    return granted;
  }

  /** Others may hold what they do not use. */
  function press(scope: string, { refusal }: Extract<ReserveResult, { ok: false }>): void {
    if (refusal.remedy === "wait" || refusal.remedy === "shrink") pressure?.tell(scope);
  }

  async function dispatched(hold: string): Promise<void> {
    own.dispatched(hold);
    await Promise.all((holds.get(hold) ?? []).map((lease) => lease.dispatched(hold)));
  }

  async function end(
    hold: string,
    posted: { readonly tokens: number; readonly usdMicros: number } | undefined,
  ): Promise<void> {
    const held = holds.get(hold) ?? [];
    holds.delete(hold);
    await Promise.all(held.map((lease) => (posted === undefined ? lease.release(hold) : lease.post(hold, posted))));
  }

  async function reserveAll(
    asked: readonly HoldAsk[],
    scopes: readonly HoldScope[],
    ttlMs: Ms,
  ): Promise<ReserveResult> {
    const inner = scopes.filter(({ source }) => source !== "tenant");
    const outer = scopes.filter(({ source }) => source === "tenant");
    const fresh = asked.filter(({ hold }) => !holds.has(hold));
    const result = own.reserveAll({ holds: fresh, scopes: inner, ttlMs, at: clock.now() });
    if (!result.ok) return result;
    for (const [i, { hold, amounts }] of fresh.entries()) {
      const borrowed = await borrow(hold, outer, amounts, ttlMs).catch(async (error: unknown) => {
        await takeBack(fresh);
        throw error;
      });
      if (!borrowed.ok) {
        await takeBack(fresh);
        return withBack(borrowed, fresh.slice(0, i));
      }
      // It was taken back while its chunk was on the way.
      if (!own.state.holds.has(hold)) await end(hold, undefined);
    }
    await Promise.all(asked.filter(({ leaves }) => leaves === true).map(({ hold }) => dispatched(hold)));
    return granted;
  }

  /** None of a group stands. */
  async function takeBack(group: readonly HoldAsk[]): Promise<void> {
    for (const { hold } of group) own.void(hold);
    await Promise.all(group.map(({ hold }) => end(hold, undefined)));
  }

  const stop = pressure?.listen((scope) => void leases.get(scope)?.giveBack());

  return {
    reserve: (hold, scopes, amounts, ttlMs, leaves = false) => reserveAll([{ hold, amounts, leaves }], scopes, ttlMs),
    reserveAll,
    async extend(hold, attempt, more) {
      const held = own.state.holds.get(hold);
      // A repeat, a hold that is over, or one whose own scopes are full: its own books say so.
      const fitting = held?.accounts.every((account) => fits(account, more)) === true;
      if (held === undefined || held.extensions?.has(attempt) === true || !fitting)
        return own.extend(hold, attempt, more);
      const grown: Lease[] = [];
      const takeBack = (): void => {
        for (const lease of grown) lease.shrink(hold, more);
      };
      for (const lease of holds.get(hold) ?? []) {
        const result = await lease.extend(hold, more);
        if (!result.ok) {
          takeBack();
          press(lease.scope, result);
          return result;
        }
        grown.push(lease);
      }
      const result = own.extend(hold, attempt, more);
      if (!result.ok) takeBack();
      return result;
    },
    dispatched,
    async recalled(hold) {
      own.recalled(hold);
    },
    async settle(hold, used) {
      const held = own.state.holds.get(hold);
      if (held === undefined) return;
      const tokens = Number.isFinite(used.tokens) ? Math.max(0, Math.ceil(used.tokens)) : held.tokens;
      const usdMicros = Number.isFinite(used.usdMicros) ? Math.max(0, Math.ceil(used.usdMicros)) : held.usd;
      const freed = own.settle(hold, used);
      await end(hold, { tokens, usdMicros });
      if (freed) room();
    },
    async void(hold) {
      const freed = own.void(hold);
      await end(hold, undefined);
      if (freed) room();
    },
    async setLimit(scope, limits) {
      if (isShared(scope)) return shared.setLimit(scope, limits);
      if (own.setLimit(scope, limits)) room();
    },
    async read(scope) {
      return isShared(scope) ? shared.read(scope) : own.read(scope);
    },
    async forget(scope) {
      if (isShared(scope)) return shared.forget(scope);
      own.forget(scope);
    },
    async sweep() {
      const before = new Map(own.state.holds);
      const expired = own.sweep(clock.now());
      for (const id of expired) {
        const hold = before.get(id);
        // What left is posted in full, as the books do.
        await end(id, hold?.dispatched === true ? { tokens: hold.tokens, usdMicros: hold.usd } : undefined);
      }
      if (expired.length > 0) room();
      return [...expired, ...(await shared.sweep())];
    },
    watch(listener) {
      listeners.add(listener);
      const stopShared = shared.watch(listener);
      return () => {
        listeners.delete(listener);
        stopShared();
      };
    },
    async giveBack() {
      await Promise.all([...leases.values()].map((lease) => lease.giveBack()));
    },
    close() {
      stop?.();
      for (const lease of leases.values()) lease.close();
    },
  };
}

const granted: ReserveResult = { ok: true };

function isShared(scope: string): boolean {
  return scope.startsWith("tenant:") || scope.startsWith("subject:");
}

/** A refusal of a group's later hold, with what its earlier ones had taken. */
function withBack(refused: Extract<ReserveResult, { ok: false }>, earlier: readonly HoldAsk[]): ReserveResult {
  const back = sumOf(earlier);
  const left: { -readonly [D in keyof Limits]: Limits[D] } = { ...refused.left };
  for (const dimension of ["parallel", "tokens", "usdMicros"] as const) {
    const value = left[dimension];
    if (value !== undefined) left[dimension] = value + back[dimension];
  }
  return { ...refused, left };
}
