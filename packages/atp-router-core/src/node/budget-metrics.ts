import { Gauge, Registry } from "prom-client";
import type { BudgetsView } from "../runtime/index.js";

const dimensions = ["parallel", "tokens", "usd_micros"] as const;

/**
 * Tenants' budgets as Prometheus gauges. Made anew for each answer, because who asks decides whose budgets are in it.
 * An unlimited dimension has neither limit nor what is left.
 */
export function budgetMetrics({ tenants }: BudgetsView): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string): Gauge<"tenant" | "dimension"> =>
    new Gauge({ name, help, labelNames: ["tenant", "dimension"], registers: [registry] });
  const limit = gauge("atp_budget_limit", "Ceiling of a tenant's budget in its period.");
  const posted = gauge("atp_budget_posted", "Spent for good of a tenant's budget in its period.");
  const reserved = gauge("atp_budget_reserved", "Held by calls of a tenant that run.");
  const left = gauge("atp_budget_left", "What a tenant's new calls may still hold.");
  const resets = new Gauge({
    name: "atp_budget_resets_timestamp_seconds",
    help: "When a tenant's period ends, as Unix time.",
    labelNames: ["tenant"],
    registers: [registry],
  });
  for (const [tenant, budget] of Object.entries(tenants)) {
    for (const dimension of dimensions) {
      const labels = { tenant, dimension };
      const ceiling = budget.limits[`max_${dimension}`];
      const free = budget.left[`max_${dimension}`];
      if (ceiling !== undefined) limit.set(labels, ceiling);
      if (free !== undefined) left.set(labels, free);
      posted.set(labels, budget.posted[dimension]);
      reserved.set(labels, budget.reserved[dimension]);
    }
    if (budget.resets_at !== undefined) resets.set({ tenant }, Date.parse(budget.resets_at) / 1_000);
  }
  return registry.metrics();
}
