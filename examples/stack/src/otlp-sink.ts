import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as it came over OTLP. */
export interface SinkSpan {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A collector of OTLP over HTTP in JSON that keeps what comes: it stands in for an OpenTelemetry Collector. */
export interface OtlpSink {
  readonly url: string;
  readonly spans: readonly SinkSpan[];
  /** Names of metrics that came. */
  readonly metrics: ReadonlySet<string>;
  close(): Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value?: Readonly<Record<string, unknown>>;
}
interface RawSpan {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly attributes?: readonly Attribute[];
}
interface Traces {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly RawSpan[] }[] }[];
}
interface Metrics {
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics?: readonly { readonly metrics?: readonly { readonly name: string }[] }[];
  }[];
}

/** Spans that are kept; older ones go first, so that a long run does not fill the machine. */
const KEPT_SPANS = 10_000;

/** Starts a sink on a free loopback port. */
export async function startOtlpSink(): Promise<OtlpSink> {
  const spans: SinkSpan[] = [];
  const metrics = new Set<string>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      let status = 200;
      try {
        const body: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
        if (request.url === "/v1/traces") spans.push(...spansOf(body as Traces));
        else if (request.url === "/v1/metrics") for (const name of metricsOf(body as Metrics)) metrics.add(name);
        else status = 404;
        spans.splice(0, Math.max(0, spans.length - KEPT_SPANS));
      } catch {
        // Protobuf or worse: an exporter that is told so by the router's variables sends JSON.
        status = 400;
      }
      response.writeHead(status, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    metrics,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function spansOf({ resourceSpans = [] }: Traces): SinkSpan[] {
  return resourceSpans
    .flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans))
    .map(({ name, traceId, parentSpanId = "", attributes = [] }) => ({
      name,
      traceId,
      parentSpanId,
      attributes: Object.fromEntries(attributes.map(({ key, value = {} }) => [key, Object.values(value)[0]])),
    }));
}

function metricsOf({ resourceMetrics = [] }: Metrics): string[] {
  return resourceMetrics.flatMap(({ scopeMetrics = [] }) =>
    scopeMetrics.flatMap(({ metrics = [] }) => metrics.map(({ name }) => name)),
  );
}
