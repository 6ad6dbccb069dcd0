/** Value types that rooms and ports share. */
export * from "./values.js";
export * from "./plan.js";
export * from "./policy.js";
export * from "./limits.js";
export * from "./ledger.js";
export * from "./tails.js";
export * from "./truth.js";
