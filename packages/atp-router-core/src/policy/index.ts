/**
 * Policy engines behind PolicyPort: CEL in process, OPA over REST.
 * @packageDocumentation
 */
export { celPolicy } from "./cel.js";
export type { CelPolicyOptions, CelRule } from "./cel.js";
export { opaPolicy } from "./opa.js";
export type { OpaPolicyOptions } from "./opa.js";
