/** Who goes next, and who is not let in: lanes, tenants, slots, limits. */
export { createLanes } from "./lanes.js";
export type {
  LaneOutcome,
  Lanes,
  LanesConfig,
  LanesView,
  LaneState,
  Outlook,
  PoolState,
  Shed,
  ShedReason,
  Ticket,
} from "./values.js";
export { createConcurrencyLimit } from "./limit.js";
export type { ConcurrencyLimit, LimitBounds } from "./limit.js";
export { createPriorityCut } from "./cut.js";
export type { PriorityCut, Signals } from "./cut.js";
export { createGate } from "./gate.js";
export type { Caller, Gate, Refusal } from "./gate.js";
