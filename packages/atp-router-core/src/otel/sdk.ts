import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { ContextManager } from "@opentelemetry/api";
import { leanOptions } from "./lean-options.js";
import { LeanTracer } from "./lean-tracer.js";
import type { SpanStarterProvider } from "./lean-tracer.js";
import type { SpanAttributes } from "./span-bytes.js";
import { SpanSender } from "./span-sender.js";

/** A running SDK. */
export interface Telemetry {
  /** For `otelTracing`: spans that cost the router least. Others may use the global one. */
  readonly tracerProvider: SpanStarterProvider;
  /** Sends what is still there, within a bound. */
  close(): Promise<void>;
}

/** Options of {@link startTelemetry}. */
export interface TelemetryOptions {
  /** Where an OpenTelemetry collector takes OTLP over HTTP, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  /** @default "atp-router" */
  readonly serviceName?: string;
  /** Share of traces that begin here and are kept; a client that sampled its own is followed. @default 1 */
  readonly sampleRatio?: number;
  /** How long `close` waits for what is still there. @default 3000 */
  readonly closeMs?: number;
}

/**
 * Spans get their parents by name here, so no context follows callbacks. The SDK's own manager would: it turns Node's async hooks on for
 * every promise and socket of the process, which costs each chunk something.
 */
const explicitContext: ContextManager = {
  active: () => ROOT_CONTEXT,
  with: (_context, run, thisArg, ...args) => run.call(thisArg as ThisParameterType<typeof run>, ...args),
  bind: (_context, target) => target,
  enable() {
    return this;
  },
  disable() {
    return this;
  },
};

/** The instrumentation scope of every span and metric of a router. */
const SCOPE = "atp-router-core";

/**
 * Starts OpenTelemetry's SDK and registers it: traces and metrics go out over OTLP/HTTP in batches. An endpoint that is slow or gone
 * costs what was not sent, never a request. Needs the optional peer `@opentelemetry/sdk-node`. The SDK's own `OTEL_*` variables hold
 * where this sets nothing; spans of `tracerProvider` go through the SDK's own pipeline when
 * a variable asks for what the lean one does not do ({@link leanOptions}).
 * @throws Error when the peer is not installed
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { NodeSDK, resources } = await import("@opentelemetry/sdk-node").catch((cause: unknown) => {
    throw new Error(
      "telemetry over OTLP needs the package @opentelemetry/sdk-node: install it beside atp-router-core",
      {
        cause,
      },
    );
  });
  // The SDK reads these when it starts; what the user set stands.
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] ??= options.endpoint;
  process.env["OTEL_TRACES_EXPORTER"] ??= "otlp";
  process.env["OTEL_METRICS_EXPORTER"] ??= "otlp";
  process.env["OTEL_LOGS_EXPORTER"] ??= "none";
  if (options.sampleRatio !== undefined && process.env["OTEL_TRACES_SAMPLER"] === undefined) {
    process.env["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio";
    process.env["OTEL_TRACES_SAMPLER_ARG"] = String(options.sampleRatio);
  }
  const serviceName = process.env["OTEL_SERVICE_NAME"] ?? options.serviceName ?? "atp-router";
  const sdk = new NodeSDK({ serviceName, instrumentations: [], contextManager: explicitContext });
  sdk.start();
  const lean = leanOptions(process.env);
  const sender =
    lean === undefined
      ? undefined
      : new SpanSender({
          ...lean.sender,
          scope: SCOPE,
          resource: async () => {
            const { defaultResource, detectResources, envDetector, hostDetector, processDetector } = resources;
            const resource = defaultResource()
              .merge(detectResources({ detectors: [envDetector, processDetector, hostDetector] }))
              .merge(resources.resourceFromAttributes({ "service.name": serviceName }));
            await resource.waitForAsyncAttributes?.();
            return resource.attributes as SpanAttributes;
          },
        });
  return {
    tracerProvider:
      sender === undefined || lean === undefined
        ? trace
        : { getTracer: () => new LeanTracer((span) => sender.add(span), lean.sampling) },
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(resolve, options.closeMs ?? 3_000);
        Promise.allSettled([sdk.shutdown(), sender?.close()])
          .then(() => {
            clearTimeout(late);
            resolve();
          })
          .catch(resolve);
      }),
  };
}
