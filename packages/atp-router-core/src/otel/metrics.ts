import { metrics } from "@opentelemetry/api";
import type { MeterProvider } from "@opentelemetry/api";
import type { Observation, Observer } from "../ports/index.js";
import { names, PROVIDER } from "./attributes.js";

/** Options of {@link otelMetrics}. */
export interface OtelMetricsOptions {
  /** @default the global one, which an SDK registers */
  readonly provider?: MeterProvider;
}

/** Seconds, as the conventions advise for operations of models. */
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];

/**
 * Metrics by OpenTelemetry, for export over OTLP: operation duration, time to first chunk and token usage by the conventions for
 * generative AI, and what only a router has. Everything is counted when a stream ends, nothing per chunk.
 */
export function otelMetrics(options: OtelMetricsOptions = {}): Observer {
  const meter = (options.provider ?? metrics).getMeter("atp-router-core");
  const seconds = { unit: "s", advice: { explicitBucketBoundaries: SECONDS } };
  const duration = meter.createHistogram("gen_ai.client.operation.duration", {
    description: "Calls of adapters, from dispatch to end.",
    ...seconds,
  });
  const first = meter.createHistogram("gen_ai.client.operation.time_to_first_chunk", {
    description: "Calls of adapters, from dispatch to the first content.",
    ...seconds,
  });
  const usage = meter.createHistogram("gen_ai.client.token.usage", {
    unit: "{token}",
    description: "Tokens of calls.",
    advice: { explicitBucketBoundaries: TOKENS },
  });
  const streams = meter.createHistogram("atp.stream.duration", { description: "From the SYN to the end.", ...seconds });
  // Added up here, and told when it is asked for.
  const spentBy = new Map<string, number>();
  meter
    .createObservableCounter("atp.spent", { unit: "{micro_usd}", description: "What calls cost." })
    .addCallback((result) => {
      for (const [adapter, usdMicros] of spentBy) result.observe(usdMicros, { [names.adapter]: adapter });
    });
  const denials = meter.createCounter("atp.policy.denials", { description: "Requests that policy denied." });
  const violations = meter.createCounter("atp.violations", { description: "Frames that were refused." });

  function ended({ qos, strategy, outcome, telemetry: t }: Extract<Observation, { t: "stream.ended" }>): void {
    const error = outcome === "final" ? {} : { [names.errorType]: outcome };
    streams.record(t.latency_ms / 1_000, { [names.lane]: qos, [names.strategy]: strategy, ...error });
    for (const a of t.adapters ?? []) {
      if (a.outcome === "skipped") continue;
      const call = {
        [names.operation]: "chat",
        [names.provider]: PROVIDER,
        [names.requestModel]: a.name,
        ...(a.outcome === "ok" ? {} : { [names.errorType]: a.outcome }),
      };
      if (a.latency_ms !== undefined) duration.record(a.latency_ms / 1_000, call);
      if (a.ttfp_ms !== undefined) first.record(a.ttfp_ms / 1_000, call);
      if (a.in_tokens > 0) usage.record(a.in_tokens, { ...call, [names.tokenType]: "input" });
      if (a.out_tokens > 0) usage.record(a.out_tokens, { ...call, [names.tokenType]: "output" });
      if (a.usd > 0) spentBy.set(a.name, (spentBy.get(a.name) ?? 0) + a.usd);
    }
  }

  return {
    observe(o) {
      if (o.t === "stream.ended") ended(o);
      else if (o.t === "policy.denied") denials.add(1);
      else if (o.t === "violation") violations.add(1, { [names.errorType]: o.error.code });
    },
  };
}
