/** Who is asked: what is known of adapters, the route table, and the plan. */
export type { AdapterState } from "./adapter-entry.js";
export { matchRoute, narrowRoute } from "./match.js";
export type { NoPlan } from "./no-plan.js";
export { planRoute } from "./plan.js";
export type { PlanInput, PlanResult } from "./plan.js";
export { createRegistry } from "./registry.js";
export type { AdapterRegistry, StatusChange } from "./registry.js";
export { createHedging } from "./hedging.js";
export type { Hedging } from "./hedging.js";
export { createRetryBudget } from "./retry-budget.js";
export type { RetryAsk, RetryBudget } from "./retry-budget.js";
