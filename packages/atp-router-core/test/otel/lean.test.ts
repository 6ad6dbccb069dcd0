import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { tracing as sdkTracing } from "@opentelemetry/sdk-node";
import { describe, expect, it, onTestFinished } from "vitest";
import { otelTracing } from "../../src/otel/index.js";
import { leanOptions } from "../../src/otel/lean-options.js";
import { LeanTracer } from "../../src/otel/lean-tracer.js";
import type { Sampling } from "../../src/otel/lean-tracer.js";
import type { EndedSpan } from "../../src/otel/span-bytes.js";
import { SpanSender } from "../../src/otel/span-sender.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import { readRequest } from "./support/otlp.js";

const all: Sampling = { ratio: 1, parentBased: true };

/** A collector that answers with these codes in turn, the last one for ever. */
async function collector(...codes: number[]): Promise<{ url: string; got: Buffer[]; headers: object[] }> {
  const got: Buffer[] = [];
  const headers: object[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      headers.push(request.headers);
      got.push(Buffer.concat(chunks));
      response.statusCode = codes[Math.min(got.length, codes.length) - 1] ?? 200;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, got, headers };
}

function sender(url: string, more: object = {}): SpanSender {
  const headers = { "x-key": "k" };
  return new SpanSender({ url, scope: "s", headers, resource: async () => ({ "service.name": "r" }), ...more });
}

const answer = [
  { afterMs: 5, text: "Hi", usage: { inTokens: 7, outTokens: 2, usdMicros: 30 } },
  { final: { answer: "Hi there" } },
];

async function run(tracing: ReturnType<typeof otelTracing>): Promise<void> {
  const sim = createSimulation({ adapters: [{ id: "small", answer }], tracing });
  const socket = sim.connect();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  socket.send(syn({ meta: { task_type: "qa", trace: { traceparent } } }));
  await sim.clock.until(() => socket.end("st1") !== undefined);
  await sim.router.close();
}

describe("lean spans", () => {
  it("say of a stream what spans of OpenTelemetry's SDK say", async () => {
    const lean: EndedSpan[] = [];
    await run(otelTracing({ provider: { getTracer: () => new LeanTracer((span) => lean.push(span), all) } }));
    const exporter = new sdkTracing.InMemorySpanExporter();
    const spanProcessors = [new sdkTracing.SimpleSpanProcessor(exporter)];
    await run(otelTracing({ provider: new sdkTracing.BasicTracerProvider({ spanProcessors }) }));
    const sdk = exporter.getFinishedSpans();

    const timeless = ({ "gen_ai.response.time_to_first_chunk": first, ...rest }: Record<string, unknown>) => ({
      ...rest,
      first: typeof first,
    });
    expect(lean.map(({ name, kind, attributes }) => ({ name, kind, attributes: timeless(attributes) }))).toEqual(
      sdk.map(({ name, kind, attributes }) => ({ name, kind, attributes: timeless(attributes) })),
    );
    const [estimate, chat, stream] = lean;
    expect(stream).toMatchObject({ parentSpanId: "b7ad6b7169203331", parentIsRemote: true, failed: false });
    for (const call of [estimate, chat])
      expect(call).toMatchObject({ parentSpanId: stream?.spanId, parentIsRemote: false, traceId: stream?.traceId });
    for (const { startMs, endMs } of lean) expect(endMs).toBeGreaterThanOrEqual(startMs);
  });

  it("keep the same traces as the SDK's ratio of trace ids", () => {
    const kept: EndedSpan[] = [];
    const tracer = new LeanTracer((span) => kept.push(span), { ratio: 0.3, parentBased: true });
    const sdk = new sdkTracing.TraceIdRatioBasedSampler(0.3);
    for (let i = 0; i < 500; i++) {
      const span = tracer.startSpan("n", undefined, ROOT_CONTEXT);
      const context = span.spanContext();
      expect(trace.isSpanContextValid(context)).toBe(true);
      expect(span.isRecording()).toBe(Number(sdk.shouldSample(ROOT_CONTEXT, context.traceId).decision) === 2);
      // A child follows its parent, kept or not.
      const child = tracer.startSpan("c", undefined, trace.setSpanContext(ROOT_CONTEXT, context));
      expect(child.isRecording()).toBe(span.isRecording());
      child.end();
      span.end();
    }
    expect(kept.length).toBeGreaterThan(150);
    expect(kept.length).toBeLessThan(450);
  });

  it("end once", () => {
    const ended: EndedSpan[] = [];
    const span = new LeanTracer((one) => ended.push(one), all).startSpan("n", undefined, ROOT_CONTEXT);
    span.end();
    span.end();
    expect(ended).toHaveLength(1);
  });
});

describe("their sender", () => {
  const spans = (count: number, to: SpanSender): void => {
    const tracer = new LeanTracer((span) => to.add(span), all);
    for (let i = 0; i < count; i++) tracer.startSpan(`n${i}`, undefined, ROOT_CONTEXT).end();
  };

  it("sends batches, and the rest when it is closed", async () => {
    const { url, got, headers } = await collector(200);
    const out = sender(url, { batchSpans: 10 });
    spans(25, out);
    await out.close();
    const requests = got.map(readRequest);
    expect(requests.map((request) => request.spans.length)).toEqual([10, 10, 5]);
    expect(requests.flatMap((request) => request.spans.map(({ name }) => name))).toEqual(
      Array.from({ length: 25 }, (_, i) => `n${i}`),
    );
    expect(requests[0]).toMatchObject({ resource: { "service.name": "r" }, scope: "s" });
    expect(headers[0]).toMatchObject({ "content-type": "application/x-protobuf", "x-key": "k" });
    expect(out.lost).toBe(0);
  });

  it("sends what waited long enough", async () => {
    const { url, got } = await collector(200);
    const out = sender(url, { delayMs: 1 });
    spans(1, out);
    await expect.poll(() => got.length).toBe(1);
    await out.close();
    expect(got).toHaveLength(1);
  });

  it.each([
    { codes: [503, 200], requests: 2, lost: 0 },
    { codes: [400], requests: 1, lost: 3 },
  ])("on $codes asks $requests times and loses $lost", async ({ codes, requests, lost }) => {
    const { url, got } = await collector(...codes);
    const out = sender(url);
    spans(3, out);
    await out.close();
    expect(got).toHaveLength(requests);
    expect(out.lost).toBe(lost);
  });

  it("counts what a collector that is gone did not take, and what found no room", async () => {
    const out = sender("http://127.0.0.1:9/v1/traces", { batchSpans: 4, queueSpans: 8, timeoutMs: 100 });
    spans(20, out);
    expect(out.lost).toBe(12);
    await out.close();
    expect(out.lost).toBe(20);
  });
});

describe("which pipeline", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/" };

  it.each([
    [{}, { url: "http://c:4318/v1/traces", headers: {} }],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://t/x" }, { url: "https://t/x", headers: {} }],
    [
      { OTEL_EXPORTER_OTLP_HEADERS: "a=1,Authorization=Bearer%20t", OTEL_EXPORTER_OTLP_TRACES_HEADERS: "a=2" },
      { url: "http://c:4318/v1/traces", headers: { a: "2", authorization: "Bearer t" } },
    ],
    [
      { OTEL_BSP_SCHEDULE_DELAY: "200", OTEL_EXPORTER_OTLP_TIMEOUT: "900" },
      { url: "http://c:4318/v1/traces", headers: {}, delayMs: 200, timeoutMs: 900 },
    ],
  ])("is the lean one with %j", (env, expected) => {
    expect(leanOptions({ ...endpoint, ...env })).toEqual({ sampling: all, sender: expected });
  });

  it.each([
    [
      { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" },
      { ratio: 0.5, parentBased: true },
    ],
    [{ OTEL_TRACES_SAMPLER: "always_off" }, { ratio: 0, parentBased: false }],
  ])("samples by %j", (env, sampling) => {
    expect(leanOptions({ ...endpoint, ...env })?.sampling).toEqual(sampling);
  });

  it.each([
    { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" },
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc" },
    { OTEL_TRACES_EXPORTER: "console" },
    { OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca.pem" },
    { OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip" },
    { OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "3" },
    { OTEL_TRACES_SAMPLER: "jaeger_remote" },
    { OTEL_BSP_MAX_QUEUE_SIZE: "many" },
    { OTEL_SDK_DISABLED: "true" },
    { OTEL_BSP_EXPORT_TIMEOUT: "1000" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
  ])("is the SDK's with %j", (env) => {
    expect(leanOptions({ ...endpoint, ...env })).toBeUndefined();
  });
});
