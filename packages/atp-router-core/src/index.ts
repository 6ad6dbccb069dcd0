/**
 * The ATP router as a library: `createRouter` and the ports it is made of. Edges for Node are at `atp-router-core/node`,
 * policy engines at `atp-router-core/policy`, the simulator at `atp-router-core/testing`.
 * @packageDocumentation
 */
export * from "./runtime/index.js";
export * from "./ports/index.js";
export * from "./model/index.js";
export { weigh } from "./consensus/index.js";
export type { Verdict, WeighOptions } from "./consensus/index.js";
