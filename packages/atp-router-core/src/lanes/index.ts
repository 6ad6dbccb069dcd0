/** Who goes next: lanes, tenants, slots. */
export { createLanes } from "./lanes.js";
export type { LaneOutcome, Lanes, LanesConfig, LanesView, LaneState, Ticket } from "./lanes.js";
