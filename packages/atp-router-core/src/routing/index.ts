/** Who is asked: what is known of adapters, the route table, and the plan. */
export { matchRoute, narrowRoute } from "./match.js";
export type { NoPlan } from "./no-plan.js";
export { planRoute } from "./plan.js";
export type { PlanInput, PlanResult } from "./plan.js";
export { createRegistry } from "./registry.js";
export type { AdapterRegistry, StatusChange } from "./registry.js";
