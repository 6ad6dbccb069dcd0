import type {
  Amounts,
  BudgetRefusal,
  Dimension,
  HoldScope,
  Limits,
  Ms,
  ReserveResult,
  ScopeBalance,
} from "../model/index.js";

const dimensions: readonly Dimension[] = ["parallel", "tokens", "usdMicros"];

/** How much longer a hold lives than it was asked for, so that a late settlement still finds it (A7.4). */
const EXPIRY_GRACE_MS = 5_000;

interface Counts {
  parallel: number;
  tokens: number;
  usdMicros: number;
}

interface Account {
  limits: Limits;
  readonly posted: Counts;
  readonly reserved: Counts;
}

interface Hold {
  readonly scopes: readonly string[];
  readonly amounts: Counts;
  readonly sources: readonly BudgetRefusal["limitSource"][];
  expiresAt: Ms;
  dispatched: boolean;
  /** Extensions that were granted, by attempt. */
  readonly extensions: Set<number>;
}

/** What a hold asks for. */
export interface ReserveRequest {
  readonly hold: string;
  readonly scopes: readonly HoldScope[];
  readonly amounts: Amounts;
  readonly ttlMs: Ms;
  readonly at: Ms;
}

/** A two-phase ledger: plain state behind synchronous operations, each idempotent by the hold's id (A7). */
export interface Ledger {
  /** Grants over all scopes and dimensions when `posted + reserved + asked <= limit` in each, or not at all. */
  reserve(request: ReserveRequest): ReserveResult;
  /** Adds to an open hold by the same rule. An attempt that was granted is granted again without effect. */
  extend(hold: string, attempt: number, more: Amounts): ReserveResult;
  dispatched(hold: string): void;
  /** Posts what was used, which may be more than was held. False when the hold was resolved before, or never granted. */
  settle(hold: string, used: { readonly tokens: number; readonly usdMicros: number }): boolean;
  /** Gives back a hold. A hold that is not known yet can never be granted afterwards. */
  void(hold: string): boolean;
  /** True when a ceiling rose. */
  setLimit(scope: string, limits: Limits): boolean;
  read(scope: string): ScopeBalance | undefined;
  /** Forgets a scope unless a hold is open in it. */
  forget(scope: string): void;
  /** Resolves what expired: voids reserved holds, posts dispatched ones in full. Returns their ids. */
  sweep(at: Ms): readonly string[];
}

/** Ids of resolved holds that are remembered, so that a repeat that comes late is known as one. */
const REMEMBERED = 16_384;

/**
 * A ledger with nothing in it. The model is the two-phase transfer of accounting stores (pending, then post or void once):
 * pending amounts count against the ceiling, so a post within its hold can never break it.
 */
export function createLedger(): Ledger {
  const accounts = new Map<string, Account>();
  const holds = new Map<string, Hold>();
  const resolved = new Set<string>();
  /** Open holds by scope. */
  const open = new Map<string, number>();
  let nextExpiry: Ms = Infinity;

  function account(scope: HoldScope): Account {
    let found = accounts.get(scope.key);
    if (found === undefined) {
      found = {
        limits: scope.limits,
        posted: { parallel: 0, tokens: 0, usdMicros: 0 },
        reserved: { parallel: 0, tokens: 0, usdMicros: 0 },
      };
      accounts.set(scope.key, found);
    }
    return found;
  }

  function check(
    scopes: readonly { source: BudgetRefusal["limitSource"]; account: Account }[],
    asked: Amounts,
  ): ReserveResult {
    let refusal: BudgetRefusal | undefined;
    for (const { source, account: a } of scopes) {
      for (const dimension of dimensions) {
        const limit = a.limits[dimension];
        if (limit === undefined || asked[dimension] === 0) continue;
        if (a.posted[dimension] + a.reserved[dimension] + asked[dimension] <= limit) continue;
        const found = refuse(source, dimension, limit, a, asked[dimension]);
        // A ceiling that waiting does not free is the one to tell.
        if (refusal === undefined || (refusal.remedy === "wait" && found.remedy !== "wait")) refusal = found;
      }
    }
    if (refusal === undefined) return { ok: true };
    const left: { -readonly [D in Dimension]?: number } = {};
    for (const { account: a } of scopes) {
      for (const dimension of dimensions) {
        const limit = a.limits[dimension];
        if (limit === undefined) continue;
        left[dimension] = Math.min(left[dimension] ?? Infinity, limit - a.posted[dimension] - a.reserved[dimension]);
      }
    }
    return { ok: false, refusal, left };
  }

  function remember(id: string): void {
    resolved.add(id);
    if (resolved.size > REMEMBERED) {
      const [oldest] = resolved;
      if (oldest !== undefined) resolved.delete(oldest);
    }
  }

  /** Takes a hold out of every scope's reserve, and posts `used` there. */
  function resolve(id: string, hold: Hold, used: { readonly tokens: number; readonly usdMicros: number }): void {
    holds.delete(id);
    remember(id);
    for (const scope of hold.scopes) {
      const a = accounts.get(scope);
      if (a === undefined) continue;
      for (const dimension of dimensions) a.reserved[dimension] -= hold.amounts[dimension];
      a.posted.tokens += used.tokens;
      a.posted.usdMicros += used.usdMicros;
      const left = (open.get(scope) ?? 1) - 1;
      if (left === 0) open.delete(scope);
      else open.set(scope, left);
    }
  }

  return {
    reserve({ hold: id, scopes, amounts, ttlMs, at }) {
      if (holds.has(id)) return { ok: true };
      const found = scopes.map((scope) => ({ source: scope.source, account: account(scope) }));
      if (resolved.has(id)) {
        const a = found[0]?.account;
        const refusal: BudgetRefusal = {
          limitSource: scopes[0]?.source ?? "stream",
          dimension: "parallel",
          limit: 0,
          posted: 0,
          reserved: a?.reserved.parallel ?? 0,
          asked: amounts.parallel,
          remedy: "never",
        };
        return { ok: false, refusal, left: {} };
      }
      const result = check(found, amounts);
      if (!result.ok) return result;
      for (const { account: a } of found)
        for (const dimension of dimensions) a.reserved[dimension] += amounts[dimension];
      const expiresAt = at + ttlMs + EXPIRY_GRACE_MS;
      holds.set(id, {
        scopes: scopes.map(({ key }) => key),
        sources: scopes.map(({ source }) => source),
        amounts: { ...amounts },
        expiresAt,
        dispatched: false,
        extensions: new Set(),
      });
      for (const { key } of scopes) open.set(key, (open.get(key) ?? 0) + 1);
      nextExpiry = Math.min(nextExpiry, expiresAt);
      return { ok: true };
    },
    extend(id, attempt, more) {
      const hold = holds.get(id);
      if (hold === undefined) {
        return {
          ok: false,
          refusal: {
            limitSource: "stream",
            dimension: "tokens",
            limit: 0,
            posted: 0,
            reserved: 0,
            asked: more.tokens,
            remedy: "never",
          },
          left: {},
        };
      }
      if (hold.extensions.has(attempt)) return { ok: true };
      const found = hold.scopes.flatMap((key, i) => {
        const a = accounts.get(key);
        return a === undefined ? [] : [{ source: hold.sources[i] ?? "stream", account: a }];
      });
      const result = check(found, more);
      if (!result.ok) return result;
      for (const { account: a } of found) for (const dimension of dimensions) a.reserved[dimension] += more[dimension];
      for (const dimension of dimensions) hold.amounts[dimension] += more[dimension];
      hold.extensions.add(attempt);
      return { ok: true };
    },
    dispatched(id) {
      const hold = holds.get(id);
      if (hold !== undefined) hold.dispatched = true;
    },
    settle(id, used) {
      const hold = holds.get(id);
      if (hold === undefined) return false;
      resolve(id, hold, used);
      return true;
    },
    void(id) {
      const hold = holds.get(id);
      if (hold === undefined) {
        remember(id);
        return false;
      }
      resolve(id, hold, { tokens: 0, usdMicros: 0 });
      return true;
    },
    setLimit(scope, limits) {
      const found = account({ source: "stream", key: scope, limits: {} });
      const raised = dimensions.some(
        (dimension) => (limits[dimension] ?? Infinity) > (found.limits[dimension] ?? Infinity),
      );
      found.limits = limits;
      return raised;
    },
    read(scope) {
      const found = accounts.get(scope);
      return found === undefined
        ? undefined
        : { limits: found.limits, posted: { ...found.posted }, reserved: { ...found.reserved } };
    },
    forget(scope) {
      if (!open.has(scope)) accounts.delete(scope);
    },
    sweep(at) {
      if (at < nextExpiry) return [];
      const expired: string[] = [];
      nextExpiry = Infinity;
      for (const [id, hold] of holds) {
        if (hold.expiresAt > at) {
          nextExpiry = Math.min(nextExpiry, hold.expiresAt);
          continue;
        }
        resolve(
          id,
          hold,
          hold.dispatched
            ? { tokens: hold.amounts.tokens, usdMicros: hold.amounts.usdMicros }
            : { tokens: 0, usdMicros: 0 },
        );
        expired.push(id);
      }
      return expired;
    },
  };
}

function refuse(
  limitSource: BudgetRefusal["limitSource"],
  dimension: Dimension,
  limit: number,
  a: Account,
  asked: number,
): BudgetRefusal {
  const posted = a.posted[dimension];
  const reserved = a.reserved[dimension];
  const remedy =
    limit === 0
      ? "never"
      : posted + asked <= limit
        ? "wait"
        : posted < limit && dimension !== "parallel"
          ? "shrink"
          : "raise";
  return { limitSource, dimension, limit, posted, reserved, asked, remedy };
}
