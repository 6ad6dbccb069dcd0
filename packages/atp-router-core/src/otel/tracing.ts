import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import type { Context, SpanContext } from "@opentelemetry/api";
import type { CallStart, StreamStart, StreamTrace, TraceEnd, TracingPort } from "../ports/index.js";
import { names, PROVIDER } from "./attributes.js";
import type { SpanStarter, SpanStarterProvider, TracedSpan, TracedSpanOptions } from "./lean-tracer.js";

/** Options of {@link otelTracing}. */
export interface OtelTracingOptions {
  /** Any `TracerProvider` of the API, or the lean one of `startTelemetry`. @default the global one, which an SDK registers */
  readonly provider?: SpanStarterProvider;
  /** Write prompts into spans, where policy does not forbid it. @default false */
  readonly captureContent?: boolean;
}

/** A prompt in a span is cut at so many characters. */
const MAX_CAPTURED = 16_384;

/**
 * Traces by OpenTelemetry: a server span from the client's SYN to its end, below it a span for policy, memory, each Estimate and each
 * call, whose context goes on to the adapter (W3C Trace Context). Names follow the conventions for generative AI.
 */
export function otelTracing(options: OtelTracingOptions = {}): TracingPort {
  const provider = options.provider ?? trace;
  const tracer = provider.getTracer("atp-router-core");
  return { stream: (start) => new OtelStream(tracer, start, options.captureContent === true) };
}

class OtelStream implements StreamTrace {
  private readonly span: TracedSpan;
  private readonly context: Context;

  constructor(
    private readonly tracer: SpanStarter,
    private readonly start: StreamStart,
    private readonly captureContent: boolean,
  ) {
    const { key, tenant, qos, taskType, strategy } = start;
    this.span = tracer.startSpan(
      `atp ${taskType}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          [names.conversation]: key,
          [names.tenant]: tenant,
          [names.lane]: qos,
          [names.taskType]: taskType,
          [names.strategy]: strategy,
        },
      },
      parentOf(start),
    );
    this.context = trace.setSpanContext(ROOT_CONTEXT, this.span.spanContext());
  }

  step(name: string): (end: TraceEnd) => void {
    const span = this.tracer.startSpan(name, undefined, this.context);
    return (end) => finish(span, end);
  }

  call({ operation, adapter, model, attempt, maxOutputTokens }: CallStart): ReturnType<StreamTrace["call"]> {
    const attributes: NonNullable<TracedSpanOptions["attributes"]> = {
      [names.operation]: operation,
      [names.provider]: PROVIDER,
      [names.adapter]: adapter,
    };
    if (operation === "chat") {
      attributes[names.requestModel] = model ?? adapter;
      attributes[names.stream] = true;
      if (maxOutputTokens !== undefined) attributes[names.maxTokens] = maxOutputTokens;
      if (attempt > 0) attributes[names.attempt] = attempt;
    }
    const span = this.tracer.startSpan(
      `${operation} ${model ?? adapter}`,
      { kind: SpanKind.CLIENT, attributes },
      this.context,
    );
    const began = performance.now();
    return {
      traceparent: traceparentOf(span.spanContext()),
      first: () => void span.setAttribute(names.timeToFirstChunk, (performance.now() - began) / 1_000),
      end: (end) => finish(span, end),
    };
  }

  end(outcome: string, t: Parameters<StreamTrace["end"]>[1], captured: boolean): void {
    const { span } = this;
    // What was there from the start, and what is 0, is not said: each attribute costs its making and its sending.
    if (span.isRecording()) {
      span.setAttribute(names.outcome, outcome);
      span.setAttribute(names.inputTokens, t.in_tokens ?? 0);
      span.setAttribute(names.outputTokens, t.out_tokens ?? 0);
      span.setAttribute(names.usdMicros, t.usd);
      if (t.strategy !== undefined && t.strategy !== this.start.strategy) span.setAttribute(names.strategy, t.strategy);
      if (t.queue_ms !== undefined && t.queue_ms > 0) span.setAttribute(names.queueMs, t.queue_ms);
      if (t.escalations !== undefined && t.escalations > 0) span.setAttribute(names.escalations, t.escalations);
      if (t.agreement !== undefined) span.setAttribute(names.agreement, t.agreement);
      if (this.captureContent && captured)
        span.setAttribute(names.inputMessages, this.start.promptJson.slice(0, MAX_CAPTURED));
    }
    finish(span, outcome === "final" ? {} : { error: outcome });
  }
}

function finish(span: TracedSpan, { error, inTokens, outTokens, usdMicros }: TraceEnd): void {
  if (inTokens !== undefined) span.setAttribute(names.inputTokens, inTokens);
  if (outTokens !== undefined) span.setAttribute(names.outputTokens, outTokens);
  if (usdMicros !== undefined) span.setAttribute(names.usdMicros, usdMicros);
  if (error !== undefined) {
    span.setAttribute(names.errorType, error);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** The client's span as parent. What is no traceparent (W3C Trace Context, 3.2) begins a trace of its own. */
function parentOf({ traceparent }: StreamStart): Context {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "");
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
  return /^0+$/.test(traceId) || /^0+$/.test(spanId) ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
