import { metrics as sdkMetrics, tracing as sdkTracing } from "@opentelemetry/sdk-node";
import { describe, expect, it } from "vitest";
import { otelMetrics, otelTracing } from "../../src/otel/index.js";
import type { PolicyPort } from "../../src/ports/index.js";
import { celPolicy, withDataScopes } from "../../src/policy/index.js";
import { createSimulation, syn } from "../../src/testing/index.js";
import type { AdapterScript, SimulationConfig } from "../../src/testing/index.js";

const answer: AdapterScript["answer"] = [
  { afterMs: 5, text: "Hi", usage: { inTokens: 7, outTokens: 2, usdMicros: 30 } },
  { final: { answer: "Hi there" } },
];
const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function traced(frame: Parameters<typeof syn>[0], more: Partial<SimulationConfig> = {}, captureContent = false) {
  const exporter = new sdkTracing.InMemorySpanExporter();
  const provider = new sdkTracing.BasicTracerProvider({
    spanProcessors: [new sdkTracing.SimpleSpanProcessor(exporter)],
  });
  const sim = createSimulation({
    adapters: [{ id: "small", answer }],
    tracing: otelTracing({ provider, captureContent }),
    ...more,
  });
  const socket = sim.connect();
  socket.send(syn(frame));
  await sim.clock.until(() => socket.end("st1") !== undefined);
  await sim.router.close();
  const spans = exporter.getFinishedSpans();
  return { sim, spans, span: (name: string) => spans.find((s) => s.name === name) };
}

describe("traces", () => {
  it("B.5 A3: go from the client's context over the stream to each adapter's call", async () => {
    const { sim, spans, span } = await traced({ meta: { task_type: "qa", trace: { traceparent: parent } } });
    // The embedded policy answers at once: it has no span of its own.
    expect(spans.map(({ name }) => name)).toEqual(["estimate small", "chat small", "atp qa"]);
    const stream = span("atp qa");
    const call = span("chat small");
    expect(stream?.spanContext().traceId).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(stream?.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
    expect(call?.parentSpanContext?.spanId).toBe(stream?.spanContext().spanId);
    const { traceId, spanId } = call?.spanContext() ?? {};
    expect(sim.adapters.get("small")?.calls[0]?.traceparent).toBe(`00-${traceId}-${spanId}-01`);
  });

  it("show a policy that is asked elsewhere", async () => {
    const elsewhere: PolicyPort = {
      engine: "far",
      decide: () => Promise.resolve({ allow: true, reasons: [], engine: "far" }),
    };
    const { spans } = await traced({ meta: { task_type: "qa" } }, { policy: elsewhere });
    expect(spans.map(({ name }) => name)).toEqual(["policy", "estimate small", "chat small", "atp qa"]);
  });

  it("say by the conventions for generative AI what was asked and used, and nothing of the prompt", async () => {
    const { spans, span } = await traced({ prompt: "my secret question", meta: { task_type: "qa" } });
    expect(span("chat small")?.attributes).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "atp",
      "gen_ai.request.model": "small",
      "gen_ai.usage.input_tokens": 7,
      "gen_ai.usage.output_tokens": 2,
      "atp.usd_micros": 30,
    });
    expect(span("atp qa")?.attributes).toMatchObject({
      "atp.tenant": "default",
      "atp.outcome": "final",
      "gen_ai.usage.input_tokens": 7,
    });
    expect(JSON.stringify(spans.map(({ name, attributes }) => ({ name, attributes })))).not.toContain("secret");
  });

  it("carry a failure's kind", async () => {
    const { span } = await traced(
      { meta: { task_type: "qa" } },
      { adapters: [{ id: "small", answer: [{ fail: { kind: "rejected", message: "no" } }] }] },
    );
    expect(span("chat small")).toMatchObject({ status: { code: 2 }, attributes: { "error.type": "rejected" } });
    expect(span("atp qa")?.status.code).toBe(2);
  });

  it("hold the prompt only where that is turned on and no data scope forbids it", async () => {
    const policy = withDataScopes(celPolicy(), { private: { forbid: ["log"] } });
    const on = await traced({ prompt: "hello", meta: { task_type: "qa" } }, { policy }, true);
    expect(on.span("atp qa")?.attributes["gen_ai.input.messages"]).toContain("hello");
    const meta = { task_type: "qa", data_scope: ["private"] };
    const forbidden = await traced({ prompt: "hello", meta }, { policy }, true);
    expect(forbidden.span("atp qa")?.attributes).not.toHaveProperty("gen_ai.input.messages");
  });

  it.each(["", "00-zz-b7ad6b7169203331-01", `00-${"0".repeat(32)}-b7ad6b7169203331-01`])(
    "begin anew when the client's context is %j",
    async (traceparent) => {
      const { span } = await traced({ meta: { task_type: "qa", trace: { traceparent } } });
      expect(span("atp qa")?.parentSpanContext).toBeUndefined();
    },
  );
});

describe("metrics over OTLP", () => {
  it("count calls and tokens by the conventions when a stream ends", async () => {
    const exporter = new sdkMetrics.InMemoryMetricExporter(sdkMetrics.AggregationTemporality.CUMULATIVE);
    const reader = new sdkMetrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
    const { sim } = await traced({ meta: { task_type: "qa" } });
    const observer = otelMetrics({ provider: new sdkMetrics.MeterProvider({ readers: [reader] }) });
    for (const observation of sim.observations) observer.observe(observation);
    await reader.forceFlush();
    await reader.shutdown();
    const found = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    const named = new Map(found.map((metric) => [metric.descriptor.name, metric]));
    expect([...named.keys()]).toEqual(
      expect.arrayContaining([
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "atp.stream.duration",
        "atp.spent",
      ]),
    );
    expect(named.get("atp.spent")?.dataPoints[0]?.value).toBe(30);
    expect(
      named.get("gen_ai.client.token.usage")?.dataPoints.map(({ attributes }) => attributes["gen_ai.token.type"]),
    ).toEqual(["input", "output"]);
  });
});
