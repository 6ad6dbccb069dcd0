/**
 * Traces and metrics by OpenTelemetry. Needs the optional peer `@opentelemetry/api`; `startTelemetry` also `@opentelemetry/sdk-node`.
 * @packageDocumentation
 */
export { otelMetrics } from "./metrics.js";
export type { OtelMetricsOptions } from "./metrics.js";
export { startTelemetry } from "./sdk.js";
export type { Telemetry, TelemetryOptions } from "./sdk.js";
export { otelTracing } from "./tracing.js";
export type { OtelTracingOptions } from "./tracing.js";
