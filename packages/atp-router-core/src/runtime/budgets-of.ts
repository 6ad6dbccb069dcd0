import type { LedgerStore } from "../ports/index.js";
import { budgetView } from "./budget-view.js";
import type { BudgetsView } from "./budget-view.js";
import type { Session } from "./session-port.js";
import type { TenantBudgets } from "./tenant-budgets.js";

/** Sessions that are told at most. */
const MAX_SESSIONS = 1_000;

/**
 * The balances of tenants and of their open sessions.
 * @param known tenants that the configuration names
 * @param only the one tenant that may be seen; undefined: all
 */
export async function budgetsOf(
  from: { readonly ledger: LedgerStore; readonly budgets: TenantBudgets; readonly sessions: Iterable<Session> },
  known: readonly string[],
  only: string | undefined,
): Promise<BudgetsView> {
  const { ledger, budgets } = from;
  const seen = [...from.sessions].flatMap(({ id, principal }) =>
    principal === undefined || (only !== undefined && principal.tenant !== only)
      ? []
      : [{ id, tenant: principal.tenant }],
  );
  const names = only === undefined ? [...new Set([...known, ...seen.map(({ tenant }) => tenant)])] : [only];
  const tenants = await Promise.all(names.map(async (name) => [name, await budgets.view(name)] as const));
  const sessions = await Promise.all(
    seen.slice(-MAX_SESSIONS).map(async ({ id, tenant }) => {
      const balance = await ledger.read(`session:${id}`);
      return balance === undefined ? [] : [[id, { tenant, ...budgetView(balance) }] as const];
    }),
  );
  return { tenants: Object.fromEntries(tenants), sessions: Object.fromEntries(sessions.flat()) };
}
