/**
 * The edges of a router on Node: WebSocket and HTTP listener, gRPC adapters, memory over HTTP, metrics, logs, configuration.
 * @packageDocumentation
 */
export { verifyAuditLog } from "./audit-chain.js";
export type { AuditEvent, AuditRecord, AuditVerdict, VerifyAuditOptions } from "./audit-chain.js";
export { openAuditLog } from "./audit-log.js";
export type { AuditLog, AuditLogOptions } from "./audit-log.js";
export { auditObserver } from "./audit-observer.js";
export { readConfig } from "./config.js";
export type { ConfigResult, ProcessConfig } from "./config.js";
export type { ConfigFile } from "./config-schema.js";
export { nodeDigest } from "./digest.js";
export { portsFromConfig, routerConfig, routerFromConfig } from "./from-config.js";
export type { AdapterWarning } from "./from-config.js";
export { grpcAdapter } from "./grpc-adapter.js";
export type { GrpcAdapterOptions } from "./grpc-adapter.js";
export type { MetricsSource } from "./http-api.js";
export { httpMemory } from "./http-memory.js";
export type { HttpMemoryOptions } from "./http-memory.js";
export { createKey, keyIdentity, keysOr } from "./key-identity.js";
export type { KeyIdentityOptions, StaticKey } from "./key-identity.js";
export { listen } from "./listen.js";
export type { Listener, ListenOptions } from "./listen.js";
export { createLogger, logObserver, observers, processLog } from "./log.js";
export type { ProcessLog, ProcessLogOptions } from "./log.js";
export { createMetrics } from "./metrics.js";
export type { RouterMetrics } from "./metrics.js";
export { runRouter } from "./run.js";
