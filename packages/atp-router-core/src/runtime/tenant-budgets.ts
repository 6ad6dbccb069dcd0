import { calendarPeriod, createSlidingBudget, tenantScope } from "../money/index.js";
import type { SlidingBudget } from "../money/index.js";
import type { Amounts, Limits } from "../model/index.js";
import type { Clock, LedgerStore } from "../ports/index.js";
import type { OuterScope } from "../stream/index.js";
import { budgetView } from "./budget-view.js";
import type { BudgetView } from "./budget-view.js";
import type { LedgerDesk } from "./ledger-desk.js";
import type { TenantConfig } from "./router.js";

/** The scopes in the ledger that tenants' budgets are, as time goes on. */
export interface TenantBudgets {
  /** The scope of a tenant's budget now. */
  scope(tenant: string): OuterScope;
  /** The same scopes now: a period that has ended gives way to the next. */
  current(scopes: readonly OuterScope[]): readonly OuterScope[];
  view(tenant: string): Promise<BudgetView>;
  /** Other tenants and ceilings from now on; a budget that is gone no longer holds anybody. */
  replace(tenants: Readonly<Record<string, TenantConfig>>): void;
  close(): void;
}

/** What budgets are kept with. */
export interface TenantBudgetTools {
  readonly tenants: Readonly<Record<string, TenantConfig>>;
  readonly clock: Clock;
  readonly ledger: LedgerStore;
  readonly desk: LedgerDesk;
  /** A period began: what waits may fit now. */
  readonly room: () => void;
}

/** How long the books of a period that has ended are kept: calls that began in it are settled there, and clocks differ. */
const KEEP_MS = 900_000;
/** A sliding window moves in so many steps, and at most so often. */
const STEPS = 60;
const MIN_STEP_MS = 250;

interface Sliding {
  readonly scope: string;
  readonly configured: Limits;
  readonly slidingMs: number;
  /** Made when the books were first read: what they already allow has been spent before. */
  budget: SlidingBudget | undefined;
  /** The ceilings in the books. */
  limits: Limits;
  stop: () => void;
}

/** Tenants' budgets over their periods: of the calendar in UTC, sliding, or one for ever. */
export function createTenantBudgets({ clock, ledger, desk, room, ...first }: TenantBudgetTools): TenantBudgets {
  let tenants = first.tenants;
  const slidings = new Map<string, Sliding>();
  const timers = new Set<() => void>();
  let closed = false;

  function later(ms: number, fn: () => void): () => void {
    if (closed) return () => undefined;
    const cancel = clock.at(clock.now() + ms, () => {
      timers.delete(cancel);
      fn();
    });
    timers.add(cancel);
    return cancel;
  }

  /** The end of a period of the calendar: who waits asks in the next one. */
  function rollOver(tenant: string, kind: "hour" | "day" | "month"): void {
    const wall = clock.wall();
    const ended = tenantScope(tenant, kind, wall);
    // Not before its end, though two clocks of one machine part by fractions of a millisecond.
    later(calendarPeriod(kind, wall).endsAt - wall + 1, () => {
      later(KEEP_MS, () => desk.forget(ended));
      room();
      rollOver(tenant, kind);
    });
  }

  /** Raises a sliding budget's ceiling by what has left its window. */
  async function slide(one: Sliding): Promise<void> {
    // A store that is away is read at the next step.
    const balance = await ledger.read(one.scope).catch(() => undefined);
    if (balance !== undefined) {
      const { posted, limits } = balance;
      one.budget ??= createSlidingBudget({
        limits: one.configured,
        slidingMs: one.slidingMs,
        steps: STEPS,
        base: spentBefore(one.configured, limits, posted),
      });
      const next = one.budget.limitsAt(posted, clock.now());
      if (rises(limits, next)) desk.setLimit(one.scope, next);
      one.limits = next;
    }
    if (!closed) one.stop = later(Math.max(MIN_STEP_MS, one.slidingMs / STEPS), () => void slide(one));
  }

  function begin(): void {
    for (const [tenant, { budget }] of Object.entries(tenants)) {
      if (budget === undefined) continue;
      const { period, ...limits } = budget;
      if (typeof period === "object") {
        const scope = tenantScope(tenant, period, 0);
        const one = { scope, configured: limits, ...period, budget: undefined, limits, stop: () => undefined };
        slidings.set(tenant, one);
        void slide(one);
        continue;
      }
      // Books that outlive a router may have older ceilings than its configuration.
      desk.setLimit(tenantScope(tenant, period, clock.wall()), limits);
      if (period !== undefined) rollOver(tenant, period);
    }
  }
  begin();

  function scopeOf(tenant: string): OuterScope {
    const { period, ...limits } = tenants[tenant]?.budget ?? {};
    const wall = clock.wall();
    const key = tenantScope(tenant, period, wall);
    const source = "tenant" as const;
    if (period === undefined) return { source, key, limits };
    const sliding = slidings.get(tenant);
    if (sliding !== undefined) {
      const rise = sliding.budget?.nextRiseAt() ?? clock.now() + sliding.slidingMs;
      return { source, key, limits: sliding.limits, tenant, refillsAt: rise };
    }
    const { endsAt } = calendarPeriod(period as "hour" | "day" | "month", wall);
    return { source, key, limits, tenant, refillsAt: clock.now() + endsAt - wall };
  }

  /** A time of the router's clock as people read it. */
  function told(at: number): string {
    return new Date(Math.round(clock.wall() + at - clock.now())).toISOString();
  }

  return {
    scope: scopeOf,
    current(scopes) {
      const now = clock.now();
      if (!scopes.some(({ refillsAt }) => refillsAt !== undefined && refillsAt <= now)) return scopes;
      return scopes.map((scope) =>
        scope.tenant !== undefined && (scope.refillsAt ?? now) <= now ? scopeOf(scope.tenant) : scope,
      );
    },
    replace(next) {
      for (const [tenant, { budget }] of Object.entries(tenants))
        if (budget !== undefined && next[tenant]?.budget === undefined)
          desk.setLimit(tenantScope(tenant, budget.period, clock.wall()), {});
      for (const stop of timers) stop();
      timers.clear();
      slidings.clear();
      tenants = next;
      begin();
      room();
    },
    async view(tenant) {
      const { period, ...limits } = tenants[tenant]?.budget ?? {};
      const wall = clock.wall();
      const sliding = slidings.get(tenant);
      const balance = (await ledger.read(tenantScope(tenant, period, wall))) ?? {
        limits,
        posted: nothing,
        reserved: nothing,
      };
      if (period === undefined) return budgetView(balance);
      if (sliding === undefined) {
        const kind = period as "hour" | "day" | "month";
        const ends = new Date(calendarPeriod(kind, wall).endsAt);
        return { ...budgetView(balance), period: kind, resets_at: ends.toISOString() };
      }
      // What has left the window is neither spent nor part of the ceiling any more.
      const past = spentBefore(limits, balance.limits, balance.posted);
      const posted = {
        parallel: 0,
        tokens: balance.posted.tokens - past.tokens,
        usdMicros: balance.posted.usdMicros - past.usdMicros,
      };
      const rise = sliding.budget?.nextRiseAt() ?? null;
      return {
        ...budgetView({ limits, posted, reserved: balance.reserved }),
        period: "sliding",
        sliding_s: sliding.slidingMs / 1_000,
        ...(rise === null ? {} : { resets_at: told(rise) }),
      };
    },
    close() {
      closed = true;
      for (const cancel of timers) cancel();
    },
  };
}

const nothing: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };

/** What the books let a sliding budget spend beyond itself: that much had left its window when its ceiling was last set. */
function spentBefore(configured: Limits, inBooks: Limits, posted: Amounts): Amounts {
  const past = (d: "tokens" | "usdMicros"): number =>
    Math.max(0, Math.min(posted[d], (inBooks[d] ?? 0) - (configured[d] ?? inBooks[d] ?? 0)));
  return { parallel: 0, tokens: past("tokens"), usdMicros: past("usdMicros") };
}

/** Whether a ceiling is to be set: it rose, or the configuration has another one for what is never posted. */
function rises(from: Limits, to: Limits): boolean {
  return (
    from.parallel !== to.parallel ||
    (to.tokens ?? Infinity) > (from.tokens ?? Infinity) ||
    (to.usdMicros ?? Infinity) > (from.usdMicros ?? Infinity)
  );
}
