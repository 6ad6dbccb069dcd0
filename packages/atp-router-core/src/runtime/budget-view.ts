import type { Window } from "atp-protocol";
import { toWindow } from "../model/index.js";
import type { Amounts, Limits, ScopeBalance } from "../model/index.js";
import type { LedgerStore } from "../ports/index.js";

const dimensions = ["parallel", "tokens", "usdMicros"] as const;
const nothing: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };

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
}

/** The view of a scope; one that the ledger does not know has spent nothing. */
export async function budgetView(ledger: LedgerStore, scope: string, limits: Limits): Promise<BudgetView> {
  return viewOf((await ledger.read(scope)) ?? { limits, posted: nothing, reserved: nothing });
}

function viewOf({ limits, posted, reserved }: ScopeBalance): BudgetView {
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
