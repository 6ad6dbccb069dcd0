import type { Amounts, HoldAsk, HoldScope, Limits, Ms, ReserveResult, ScopeBalance } from "../model/index.js";
import {
  UNLIMITED,
  balanceOf,
  closedRefusal,
  fits,
  leftOf,
  openAccount,
  post,
  refusalOf,
  setCeilings,
  sumOf,
} from "./account.js";
import type { Account } from "./account.js";

/** How much longer a hold lives than it was asked for, so that a late settlement still finds it (A7.4). */
export const EXPIRY_GRACE_MS = 5_000;

/**
 * Ids of resolved holds that are surely remembered, so that a repeat that comes late is known as one: thousands of calls later, while
 * repeats come within the call's own. More of them leave the processor's caches, and a hold took a quarter longer.
 */
const REMEMBERED = 4_096;

interface Hold {
  readonly accounts: readonly Account[];
  parallel: number;
  tokens: number;
  usd: number;
  readonly expiresAt: Ms;
  dispatched: boolean;
  /** Extensions that were granted, by attempt. */
  extensions: Set<number> | undefined;
}

/** Everything a ledger knows: plain data, so that `structuredClone` forks it. */
export interface LedgerState {
  readonly accounts: Map<string, Account>;
  readonly holds: Map<string, Hold>;
  /** Ids of resolved holds, in two generations: the older one is dropped when the newer is full. */
  resolved: Set<string>;
  resolvedBefore: Set<string>;
  /** No open hold expires before this. */
  nextExpiry: Ms;
}

/** What a hold asks for. */
export interface ReserveRequest {
  /** Unique for each hold, and never used again. */
  readonly hold: string;
  /** Inner scopes first; a refusal is told for the first of equals. */
  readonly scopes: readonly HoldScope[];
  readonly amounts: Amounts;
  /** The hold expires this long after `at`, and 5 s. */
  readonly ttlMs: Ms;
  readonly at: Ms;
}

/** What several holds ask for together. */
export interface GroupRequest extends Omit<ReserveRequest, "hold" | "amounts"> {
  readonly holds: readonly HoldAsk[];
}

/** A two-phase ledger: state behind synchronous operations, each idempotent by the hold's id (A7). */
export interface Ledger {
  readonly state: LedgerState;
  /**
   * Grants over all scopes and dimensions when `posted + reserved + asked <= limit` in each, or not at all. An open hold's id is
   * granted again without effect; a resolved one's is refused, for nothing may start on it.
   *
   * @throws RangeError when an amount is not an integer >= 0, or the time to live is not a number: nothing is granted.
   */
  reserve(request: ReserveRequest): ReserveResult;
  /**
   * Grants all of these holds, or none: by the rule of `reserve` for their sum. Those that are open already are not asked again; none is
   * granted when one of them is resolved.
   *
   * @throws RangeError as `reserve` does.
   */
  reserveAll(request: GroupRequest): ReserveResult;
  /**
   * Adds to an open hold by the same rule. An attempt that was granted is granted again without effect.
   *
   * @throws RangeError as `reserve` does.
   */
  extend(hold: string, attempt: number, more: Amounts): ReserveResult;
  /** The call leaves the router. False when the hold is not open. */
  dispatched(hold: string): boolean;
  /** It has to wait after all. False when the hold is not open. */
  recalled(hold: string): boolean;
  /**
   * Posts what was used, which may be more than was held, and resolves the hold. A number that cannot be counted posts what was
   * held. True when something may fit now that did not before.
   */
  settle(hold: string, used: { readonly tokens: number; readonly usdMicros: number }): boolean;
  /** Gives back a hold. One that is not known yet can never be granted afterwards. True when something was freed. */
  void(hold: string): boolean;
  /** Sets a scope's ceilings. True when one rose. */
  setLimit(scope: string, limits: Limits): boolean;
  /** Undefined for a scope that was never used. */
  read(scope: string): ScopeBalance | undefined;
  /** Forgets a scope, now or when its last open hold is resolved. */
  forget(scope: string): void;
  /** Resolves what expired: voids reserved holds, posts dispatched ones in full. Returns their ids. */
  sweep(at: Ms): readonly string[];
}

/** A state with nothing in it. */
export function emptyLedger(): LedgerState {
  return {
    accounts: new Map(),
    holds: new Map(),
    resolved: new Set(),
    resolvedBefore: new Set(),
    nextExpiry: Infinity,
  };
}

function countable(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function assertCountable({ parallel, tokens, usdMicros }: Amounts): void {
  if (!countable(parallel) || !countable(tokens) || !countable(usdMicros))
    throw new RangeError("amounts are integers from 0 to 2^53-1");
}

/** What was used, as it is posted: rounded up, never below 0. */
function counted(value: number, held: number): number {
  if (!Number.isFinite(value)) return held;
  return value <= 0 ? 0 : Math.min(UNLIMITED, Math.ceil(value));
}

/**
 * A ledger over a state, an empty one by default. The model is the two-phase transfer of accounting stores (pending, then post
 * or void, once): pending amounts count against the ceiling, so a post within its hold can never break it.
 */
export function createLedger(state: LedgerState = emptyLedger()): Ledger {
  const { accounts, holds } = state;

  function account(scope: HoldScope): Account {
    let found = accounts.get(scope.key);
    if (found === undefined) {
      found = openAccount(scope.limits, scope.source, scope.key);
      accounts.set(scope.key, found);
    }
    found.source = scope.source;
    return found;
  }

  function known(id: string): boolean {
    return state.resolved.has(id) || state.resolvedBefore.has(id);
  }

  function remember(id: string): void {
    state.resolved.add(id);
    if (state.resolved.size < REMEMBERED) return;
    state.resolvedBefore = state.resolved;
    state.resolved = new Set();
  }

  function refused(of: readonly Account[], asked: Amounts): ReserveResult {
    return { ok: false, refusal: refusalOf(of, asked), left: leftOf(of) };
  }

  /** Takes a hold out of every scope's reserve, and posts there what was used. */
  function resolve(id: string, hold: Hold, tokens: number, usd: number): void {
    holds.delete(id);
    remember(id);
    for (const a of hold.accounts) {
      a.parallel -= hold.parallel;
      a.tokens -= hold.tokens;
      a.usd -= hold.usd;
      a.open--;
      post(a, tokens, usd);
      if (a.forgotten && a.open === 0) accounts.delete(a.key);
    }
  }

  function accountsOf(scopes: readonly HoldScope[]): readonly Account[] {
    const own: Account[] = [];
    for (const scope of scopes) {
      const a = account(scope);
      // A scope named twice counts once.
      if (!own.includes(a)) own.push(a);
    }
    return own;
  }

  function closed(scopes: readonly HoldScope[], asked: Amounts): ReserveResult {
    return { ok: false, refusal: closedRefusal(scopes[0]?.source ?? "stream", asked), left: {} };
  }

  const ledger: Ledger = {
    state,
    reserve({ hold: id, scopes, amounts, ttlMs, at }) {
      assertCountable(amounts);
      if (Number.isNaN(at + ttlMs)) throw new RangeError("a hold needs a time to live");
      // guard: reserve-once
      if (holds.has(id)) return granted;
      // guard: resolved-stays-resolved
      if (known(id)) return closed(scopes, amounts);
      const own = accountsOf(scopes);
      if (!own.every((a) => fits(a, amounts))) return refused(own, amounts);
      for (const a of own) {
        a.parallel += amounts.parallel;
        a.tokens += amounts.tokens;
        a.usd += amounts.usdMicros;
        a.open++;
        a.forgotten = false;
      }
      const expiresAt = at + ttlMs + EXPIRY_GRACE_MS;
      holds.set(id, {
        accounts: own,
        parallel: amounts.parallel,
        tokens: amounts.tokens,
        usd: amounts.usdMicros,
        expiresAt,
        dispatched: false,
        extensions: undefined,
      });
      if (expiresAt < state.nextExpiry) state.nextExpiry = expiresAt;
      return granted;
    },
    reserveAll({ holds: asked, scopes, ttlMs, at }) {
      for (const { amounts } of asked) assertCountable(amounts);
      const fresh = asked.filter(({ hold }) => !holds.has(hold));
      const sum = sumOf(fresh);
      // guard: group-resolved
      if (fresh.some(({ hold }) => known(hold))) return closed(scopes, sum);
      const own = accountsOf(scopes);
      // guard: group-fits
      if (!own.every((a) => fits(a, sum))) return refused(own, sum);
      // Each of them fits, since all of them do.
      for (const { hold, amounts } of fresh) ledger.reserve({ hold, scopes, amounts, ttlMs, at });
      return granted;
    },
    extend(id, attempt, more) {
      assertCountable(more);
      const hold = holds.get(id);
      if (hold === undefined) return { ok: false, refusal: closedRefusal("stream", more), left: {} };
      // guard: extend-once
      if (hold.extensions?.has(attempt) === true) return granted;
      if (!hold.accounts.every((a) => fits(a, more))) return refused(hold.accounts, more);
      for (const a of hold.accounts) {
        a.parallel += more.parallel;
        a.tokens += more.tokens;
        a.usd += more.usdMicros;
      }
      hold.parallel += more.parallel;
      hold.tokens += more.tokens;
      hold.usd += more.usdMicros;
      (hold.extensions ??= new Set()).add(attempt);
      return granted;
    },
    dispatched(id) {
      const hold = holds.get(id);
      if (hold === undefined) return false;
      hold.dispatched = true;
      return true;
    },
    recalled(id) {
      const hold = holds.get(id);
      if (hold === undefined) return false;
      hold.dispatched = false;
      return true;
    },
    settle(id, used) {
      const hold = holds.get(id);
      // guard: settle-once
      if (hold === undefined) return false;
      const tokens = counted(used.tokens, hold.tokens);
      const usd = counted(used.usdMicros, hold.usd);
      resolve(id, hold, tokens, usd);
      return hold.parallel > 0 || tokens < hold.tokens || usd < hold.usd;
    },
    void(id) {
      const hold = holds.get(id);
      if (hold === undefined) {
        // The reservation may still be on its way: it must not come to life when nobody waits for it any more.
        // guard: void-before-reserve
        if (!known(id)) remember(id);
        return false;
      }
      resolve(id, hold, 0, 0);
      return true;
    },
    setLimit(scope, limits) {
      const found = accounts.get(scope);
      if (found !== undefined) return setCeilings(found, limits);
      accounts.set(scope, openAccount(limits, "stream", scope));
      return false;
    },
    read(scope) {
      const found = accounts.get(scope);
      return found === undefined ? undefined : balanceOf(found);
    },
    forget(scope) {
      const found = accounts.get(scope);
      if (found === undefined) return;
      // guard: forget-when-empty
      if (found.open > 0) found.forgotten = true;
      else accounts.delete(scope);
    },
    sweep(at) {
      if (at < state.nextExpiry) return [];
      const expired: string[] = [];
      state.nextExpiry = Infinity;
      for (const [id, hold] of holds) {
        if (hold.expiresAt > at) {
          state.nextExpiry = Math.min(state.nextExpiry, hold.expiresAt);
          continue;
        }
        // guard: expiry-posts-dispatched
        if (hold.dispatched) resolve(id, hold, hold.tokens, hold.usd);
        else resolve(id, hold, 0, 0);
        expired.push(id);
      }
      return expired;
    },
  };
  return ledger;
}

const granted: ReserveResult = { ok: true };
