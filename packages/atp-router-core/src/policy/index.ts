/**
 * Policy engines behind PolicyPort: CEL in process, OPA over REST, OPA bundles as WebAssembly; data scopes and redaction.
 * @packageDocumentation
 */
export { celPolicy } from "./cel.js";
export type { CelPolicyOptions, CelRule } from "./cel.js";
export { opaPolicy } from "./opa.js";
export type { OpaDecisionLog, OpaPolicyOptions } from "./opa.js";
export { withDataScopes } from "./data-scopes.js";
export type { DataScope } from "./data-scopes.js";
export { redactJson, redactKinds, redactText } from "./redact.js";
export type { Redaction, RedactKind, Redactor } from "./redact.js";
export { wasmPolicy } from "./wasm.js";
export type { WasmPolicyOptions } from "./wasm.js";
