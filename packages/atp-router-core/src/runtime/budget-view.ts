import type { Window } from "atp-protocol";
import { toWindow } from "../model/index.js";
import type { Amounts, Limits, ScopeBalance } from "../model/index.js";

const dimensions = ["parallel", "tokens", "usdMicros"] as const;

/** Counted things in the wire's own names. */
export interface BudgetCounts {
  readonly parallel: number;
  readonly tokens: number;
  readonly usd_micros: number;
}

/** What `GET /v1/budgets` tells of one scope, in the wire's own names. */
export interface BudgetView {
  /** Ceilings; absent members are unlimited. */
  readonly limits: Window;
  /** Spent for good. */
  readonly posted: BudgetCounts;
  /** Held by calls that run. */
  readonly reserved: BudgetCounts;
  /** What a new hold may still ask for; absent members are unlimited. */
  readonly left: Window;
  /** What the budget is for; absent: for ever. */
  readonly period?: "hour" | "day" | "month" | "sliding";
  /** The length of a sliding window, in seconds. */
  readonly sliding_s?: number;
  /** When the period ends, or when what was spent first leaves a sliding window: ISO 8601, UTC. */
  readonly resets_at?: string;
}

/** What `GET /v1/budgets` tells. */
export interface BudgetsView {
  readonly tenants: Readonly<Record<string, BudgetView>>;
  /** Sessions that have asked for anything, by their epoch; the newest when there are many. */
  readonly sessions: Readonly<Record<string, BudgetView & { readonly tenant: string }>>;
}

/** A scope as it is told. */
export function budgetView({ limits, posted, reserved }: ScopeBalance): BudgetView {
  const left: { -readonly [D in keyof Limits]: Limits[D] } = {};
  for (const dimension of dimensions) {
    const limit = limits[dimension];
    if (limit !== undefined) left[dimension] = Math.max(0, limit - posted[dimension] - reserved[dimension]);
  }
  return { limits: toWindow(limits), posted: counts(posted), reserved: counts(reserved), left: toWindow(left) };
}

function counts({ parallel, tokens, usdMicros }: Amounts): BudgetCounts {
  return { parallel, tokens, usd_micros: usdMicros };
}
