import type { Amounts, HoldScope, Limits, ReserveResult, ScopeBalance } from "../model/index.js";
import { balanceOf, closedRefusal, leftOf, openAccount, refusalOf } from "../money/account.js";
import type { Account } from "../money/account.js";

const granted: ReserveResult = { ok: true };

/** 1 granted, 2 resolved before, 0 refused and then eight numbers for each scope. */
export type Reply = readonly [0 | 1 | 2, ...string[]];

export function resultOf(reply: Reply, scopes: readonly Pick<HoldScope, "source">[], asked: Amounts): ReserveResult {
  if (reply[0] === 1) return granted;
  if (reply[0] === 2) return refused(scopes, asked);
  const accounts = scopes.map(({ source }, i) => accountOf(source, reply.slice(1 + i * 8, 9 + i * 8) as string[]));
  return { ok: false, refusal: refusalOf(accounts, asked), left: leftOf(accounts) };
}

export function refused(scopes: readonly Pick<HoldScope, "source">[], asked: Amounts): ReserveResult {
  return { ok: false, refusal: closedRefusal(scopes[0]?.source ?? "stream", asked), left: {} };
}

/** An extension's scopes in their order: inner ones first, the last is the tenant's. */
export function sourcesOf(reply: Reply): readonly Pick<HoldScope, "source">[] {
  const count = Math.floor((reply.length - 1) / 8);
  return Array.from({ length: count }, (_, i) => ({
    source: i === 0 ? ("stream" as const) : i === 1 ? ("session" as const) : ("tenant" as const),
  }));
}

function accountOf(source: HoldScope["source"], numbers: readonly string[]): Account {
  const [mp = 0, mt = 0, mu = 0, pt = 0, pu = 0, rp = 0, rt = 0, ru = 0] = numbers.map(Number);
  return {
    key: "",
    source,
    maxParallel: mp,
    maxTokens: mt,
    maxUsd: mu,
    postedTokens: pt,
    postedUsd: pu,
    parallel: rp,
    tokens: rt,
    usd: ru,
    open: 0,
    forgotten: false,
  };
}

export function balance(numbers: readonly string[]): ScopeBalance {
  return balanceOf(accountOf("tenant", numbers));
}

export function ceilings(limits: Limits): [number, number, number] {
  const { maxParallel, maxTokens, maxUsd } = openAccount(limits);
  return [maxParallel, maxTokens, maxUsd];
}

export function assertCountable({ parallel, tokens, usdMicros }: Amounts, ttlMs: number): void {
  if (![parallel, tokens, usdMicros].every((value) => Number.isSafeInteger(value) && value >= 0))
    throw new RangeError("amounts are integers from 0 to 2^53-1");
  if (!Number.isFinite(ttlMs)) throw new RangeError("a hold needs a time to live");
}

/** What was used as it is posted; empty when it cannot be counted, which posts what was held. */
export function counted(value: number): string | number {
  if (!Number.isFinite(value)) return "";
  return value <= 0 ? 0 : Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(value));
}
