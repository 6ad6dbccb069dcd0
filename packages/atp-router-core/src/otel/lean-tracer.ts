import { ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import type { Context, SpanContext, SpanOptions, SpanStatus } from "@opentelemetry/api";
import type { AttributeValue, EndedSpan, SpanAttributes } from "./span-bytes.js";

/** What tracing here asks of a span: a part of the API's `Span`. */
export interface TracedSpan {
  spanContext(): SpanContext;
  isRecording(): boolean;
  setAttribute(key: string, value: AttributeValue): unknown;
  setStatus(status: SpanStatus): unknown;
  end(): void;
}

/** What tracing here asks of a tracer: a part of the API's `Tracer`. */
export interface SpanStarter {
  startSpan(name: string, options: TracedSpanOptions | undefined, context: Context): TracedSpan;
}

/** A provider of these. Every `TracerProvider` of the API is one. */
export interface SpanStarterProvider {
  getTracer(name: string): SpanStarter;
}

/** How a span begins. */
export interface TracedSpanOptions extends Pick<SpanOptions, "kind"> {
  /** Belongs to the span from now on. */
  readonly attributes?: Record<string, AttributeValue>;
}

/** Which traces are kept, as `OTEL_TRACES_SAMPLER` says it. */
export interface Sampling {
  /** Of the traces that begin here, 0 to 1. */
  readonly ratio: number;
  /** Whether a caller's decision counts before the ratio. */
  readonly parentBased: boolean;
}

/**
 * A tracer for spans that are only written: they have names, kinds, attributes and a status, no events and no links, no processors
 * between, and go as bytes to their sender when they end. Ids, times and the share of kept traces are those of OpenTelemetry's SDK.
 */
export class LeanTracer implements SpanStarter {
  private readonly bound: number;

  constructor(
    private readonly ended: (span: EndedSpan) => void,
    private readonly sampling: Sampling,
  ) {
    const ratio = Math.min(1, Math.max(0, sampling.ratio));
    this.bound = ratio === 1 ? 2 ** 32 : Math.floor(ratio * 0xffffffff);
  }

  startSpan(name: string, options: TracedSpanOptions = {}, context: Context = ROOT_CONTEXT): TracedSpan {
    const parent = trace.getSpanContext(context);
    const parts = parent === undefined ? [word(), word(), word(), word() || 1] : undefined;
    const traceId = parts === undefined ? (parent as SpanContext).traceId : parts.map(hex).join("");
    const sampled = this.keeps(traceId, parent);
    const spanContext: SpanContext = {
      traceId,
      spanId: hex(word()) + hex(word() || 1),
      traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    };
    return sampled ? new LeanSpan(this.ended, spanContext, parent, name, options) : trace.wrapSpanContext(spanContext);
  }

  /** The same traces are kept as the SDK's ratio of trace ids keeps: its parts, taken together, are below a bound. */
  private keeps(traceId: string, parent: SpanContext | undefined): boolean {
    if (parent !== undefined && this.sampling.parentBased) return (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    if (this.bound === 2 ** 32) return true;
    let together = 0;
    for (let i = 0; i < 32; i += 8) together ^= Number.parseInt(traceId.slice(i, i + 8), 16);
    return together >>> 0 < this.bound;
  }
}

class LeanSpan implements TracedSpan, EndedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly parentIsRemote: boolean;
  readonly kind: number;
  readonly startMs = Date.now();
  endMs = 0;
  failed = false;
  private readonly own: Record<string, AttributeValue>;
  /** Lengths are told by the clock that does not jump. */
  private readonly began = performance.now();

  constructor(
    private readonly told: (span: EndedSpan) => void,
    private readonly context: SpanContext,
    parent: SpanContext | undefined,
    readonly name: string,
    { kind = 0, attributes = {} }: TracedSpanOptions,
  ) {
    this.traceId = context.traceId;
    this.spanId = context.spanId;
    this.parentSpanId = parent?.spanId ?? "";
    this.parentIsRemote = parent?.isRemote === true;
    this.kind = kind;
    this.own = attributes;
  }

  get attributes(): SpanAttributes {
    return this.own;
  }

  spanContext(): SpanContext {
    return this.context;
  }

  isRecording(): boolean {
    return this.endMs === 0;
  }

  setAttribute(key: string, value: AttributeValue): void {
    this.own[key] = value;
  }

  setStatus({ code }: SpanStatus): void {
    this.failed = code === SpanStatusCode.ERROR;
  }

  end(): void {
    if (this.endMs !== 0) return;
    this.endMs = this.startMs + performance.now() - this.began;
    this.told(this);
  }
}

function word(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

function hex(part: number): string {
  return part.toString(16).padStart(8, "0");
}
