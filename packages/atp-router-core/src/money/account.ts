import type { Amounts, BudgetRefusal, Dimension, HoldAsk, Limits, ScopeBalance } from "../model/index.js";

/** The ceiling of a dimension without one: the largest number that is still counted exactly. */
export const UNLIMITED: number = Number.MAX_SAFE_INTEGER;

/** A scope's books: plain numbers, so that a grant is a few additions. Parallel calls are never posted. */
export interface Account {
  readonly key: string;
  /** Which window a refusal names. */
  source: BudgetRefusal["limitSource"];
  maxParallel: number;
  maxTokens: number;
  maxUsd: number;
  postedTokens: number;
  postedUsd: number;
  parallel: number;
  tokens: number;
  usd: number;
  /** Open holds. */
  open: number;
  /** Its owner is gone; it goes with its last hold. */
  forgotten: boolean;
}

/** A ceiling as it is kept: absent is unlimited, and what is not a number grants nothing. */
function ceiling(value: number | undefined): number {
  if (value === undefined) return UNLIMITED;
  return value >= 0 ? Math.min(Math.floor(value), UNLIMITED) : 0;
}

/** An account with nothing in it. */
export function openAccount(limits: Limits, source: Account["source"] = "stream", key = ""): Account {
  return {
    key,
    source,
    maxParallel: ceiling(limits.parallel),
    maxTokens: ceiling(limits.tokens),
    maxUsd: ceiling(limits.usdMicros),
    postedTokens: 0,
    postedUsd: 0,
    parallel: 0,
    tokens: 0,
    usd: 0,
    open: 0,
    forgotten: false,
  };
}

/** Sets an account's ceilings. True when any rose. */
export function setCeilings(a: Account, limits: Limits): boolean {
  const parallel = ceiling(limits.parallel);
  const tokens = ceiling(limits.tokens);
  const usd = ceiling(limits.usdMicros);
  const raised = parallel > a.maxParallel || tokens > a.maxTokens || usd > a.maxUsd;
  a.maxParallel = parallel;
  a.maxTokens = tokens;
  a.maxUsd = usd;
  return raised;
}

/** Whether `posted + reserved + asked <= limit` in every dimension (A7.1). What asks nothing of a dimension fits it. */
export function fits(a: Account, asked: Amounts): boolean {
  // guard: limit-parallel
  if (asked.parallel > 0 && a.parallel + asked.parallel > a.maxParallel) return false;
  // guard: limit-tokens
  if (asked.tokens > 0 && a.postedTokens + a.tokens + asked.tokens > a.maxTokens) return false;
  // guard: limit-usd
  if (asked.usdMicros > 0 && a.postedUsd + a.usd + asked.usdMicros > a.maxUsd) return false;
  return true;
}

/** Adds posted amounts. A sum that could not be counted exactly any more stays at the top, where nothing fits. */
export function post(a: Account, tokens: number, usd: number): void {
  a.postedTokens = Math.min(UNLIMITED, a.postedTokens + tokens);
  a.postedUsd = Math.min(UNLIMITED, a.postedUsd + usd);
}

interface Line {
  readonly dimension: Dimension;
  readonly limit: number;
  readonly posted: number;
  readonly reserved: number;
}

function lines(a: Account): readonly Line[] {
  return [
    { dimension: "parallel", limit: a.maxParallel, posted: 0, reserved: a.parallel },
    { dimension: "tokens", limit: a.maxTokens, posted: a.postedTokens, reserved: a.tokens },
    { dimension: "usdMicros", limit: a.maxUsd, posted: a.postedUsd, reserved: a.usd },
  ];
}

/**
 * What would help (A7.7). `shrink` is told only when a smaller call fits now; when all that is left is reserved, waiting comes
 * first.
 */
function remedyOf({ limit, posted, reserved }: Line, asked: number): BudgetRefusal["remedy"] {
  if (limit === 0) return "never";
  if (posted >= limit) return "raise";
  if (posted + asked <= limit) return "wait";
  return posted + reserved < limit ? "shrink" : "wait";
}

const gravity = { wait: 0, shrink: 1, raise: 2, never: 3 } as const;

/** Why a hold does not fit: the ceiling that waiting frees least, inner scopes first among equals. */
export function refusalOf(accounts: readonly Account[], asked: Amounts): BudgetRefusal {
  let worst: BudgetRefusal | undefined;
  for (const account of accounts) {
    for (const line of lines(account)) {
      const wanted = asked[line.dimension];
      if (wanted === 0 || line.posted + line.reserved + wanted <= line.limit) continue;
      const remedy = remedyOf(line, wanted);
      if (worst === undefined || gravity[remedy] > gravity[worst.remedy])
        worst = { limitSource: account.source, ...line, asked: wanted, remedy };
    }
  }
  return worst ?? closedRefusal(accounts[0]?.source ?? "stream", asked);
}

/** The refusal of a hold that was resolved before: nothing may start on it any more. */
export function closedRefusal(limitSource: BudgetRefusal["limitSource"], asked: Amounts): BudgetRefusal {
  return {
    limitSource,
    dimension: "parallel",
    limit: 0,
    posted: 0,
    reserved: 0,
    asked: asked.parallel,
    remedy: "never",
  };
}

/** The least left over all scopes; absent members are unlimited. Negative after an overrun or a lowered ceiling. */
export function leftOf(accounts: readonly Account[]): Limits {
  const left: { -readonly [D in Dimension]?: number } = {};
  for (const account of accounts) {
    for (const { dimension, limit, posted, reserved } of lines(account)) {
      if (limit === UNLIMITED) continue;
      left[dimension] = Math.min(left[dimension] ?? Infinity, limit - posted - reserved);
    }
  }
  return left;
}

/** An account as it is told. */
export function balanceOf(a: Account): ScopeBalance {
  return {
    limits: {
      ...(a.maxParallel === UNLIMITED ? {} : { parallel: a.maxParallel }),
      ...(a.maxTokens === UNLIMITED ? {} : { tokens: a.maxTokens }),
      ...(a.maxUsd === UNLIMITED ? {} : { usdMicros: a.maxUsd }),
    },
    posted: { parallel: 0, tokens: a.postedTokens, usdMicros: a.postedUsd },
    reserved: { parallel: a.parallel, tokens: a.tokens, usdMicros: a.usd },
  };
}

/** What holds ask for together; beyond what can be counted it fits nowhere. */
export function sumOf(asked: readonly HoldAsk[]): Amounts {
  const sum = { parallel: 0, tokens: 0, usdMicros: 0 };
  for (const { amounts } of asked) {
    sum.parallel += amounts.parallel;
    sum.tokens += amounts.tokens;
    sum.usdMicros += amounts.usdMicros;
  }
  return sum;
}
