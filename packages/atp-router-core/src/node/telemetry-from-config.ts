import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import type { Observer, TracingPort } from "../ports/index.js";
import { openAuditLog } from "./audit-log.js";
import { auditObserver } from "./audit-observer.js";
import type { ProcessConfig } from "./config.js";

/** What a configuration says to tell the outside, beside logs and `GET /metrics`. */
export interface ProcessTelemetry {
  readonly observers: readonly Observer[];
  readonly tracing?: TracingPort;
  /** Writes and sends what is still there. */
  close(): Promise<void>;
}

/**
 * Traces and metrics over OTLP, and the audit log, as configured. The SDK is loaded on use: a router without an endpoint pays nothing.
 * @throws Error when a package is missing, or the audit log's file cannot be gone on with
 */
export async function telemetryFromConfig({ file, otlpUrl }: ProcessConfig, log: Logger): Promise<ProcessTelemetry> {
  const { telemetry = {} } = file;
  const observers: Observer[] = [];
  const closing: (() => Promise<void>)[] = [];
  if (telemetry.audit !== undefined) {
    const { file: path, key_file: keyFile } = telemetry.audit;
    const audit = openAuditLog({
      file: path,
      ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, "utf8").trim() }),
      onError: (error) => log.error({ err: error, file: path }, "the audit log cannot be written"),
    });
    observers.push(auditObserver(audit));
    closing.push(() => audit.close());
  }
  if (otlpUrl === undefined) return { observers, close: () => all(closing) };
  const { otelMetrics, otelTracing, startTelemetry } = await import("../otel/index.js").catch((cause: unknown) => {
    throw new Error("telemetry over OTLP needs the package @opentelemetry/api: install it beside atp-router-core", {
      cause,
    });
  });
  const sdk = await startTelemetry({
    endpoint: otlpUrl,
    ...(telemetry.service_name === undefined ? {} : { serviceName: telemetry.service_name }),
    ...(telemetry.sample_ratio === undefined ? {} : { sampleRatio: telemetry.sample_ratio }),
  });
  closing.push(() => sdk.close());
  observers.push(otelMetrics());
  const tracing = otelTracing({
    provider: sdk.tracerProvider,
    captureContent: telemetry.capture_content === true,
  });
  return { observers, tracing, close: () => all(closing) };
}

async function all(closing: readonly (() => Promise<void>)[]): Promise<void> {
  await Promise.all(closing.map((close) => close()));
}
