import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { metrics, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { describe, expect, it, onTestFinished } from "vitest";
import { startTelemetry } from "../../src/otel/index.js";

/** A collector of OTLP over HTTP, that answers or is silent. */
async function collector(silent: boolean): Promise<{ endpoint: string; got: Map<string, Buffer> }> {
  const got = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      got.set(path, Buffer.concat([got.get(path) ?? Buffer.alloc(0), ...chunks]));
      if (!silent) response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

describe("the SDK", () => {
  it("sends traces and metrics to the endpoint when it is closed, and a silent endpoint holds up nobody", async () => {
    onTestFinished(() => {
      for (const name of Object.keys(process.env)) if (name.startsWith("OTEL_")) delete process.env[name];
    });
    const { endpoint, got } = await collector(false);
    const telemetry = await startTelemetry({ endpoint, serviceName: "test-router" });
    trace.getTracer("test").startSpan("a span of the test").end();
    metrics.getMeter("test").createCounter("a counter of the test").add(1);
    telemetry.tracerProvider.getTracer("test").startSpan("a lean span", undefined, ROOT_CONTEXT).end();
    await telemetry.close();
    expect([...got.keys()]).toContain("/v1/traces");
    expect(got.get("/v1/traces")?.toString("latin1")).toContain("a lean span");
    // Both say by their attributes which process they come from.
    for (const said of ["telemetry.sdk.language", "process.pid", "test-router"])
      expect(got.get("/v1/traces")?.toString("latin1").split(said)).toHaveLength(3);
    expect(got.get("/v1/traces")?.toString("latin1")).toContain("a span of the test");
    expect(got.get("/v1/traces")?.toString("latin1")).toContain("test-router");
    expect([...got.keys()]).toContain("/v1/metrics");

    delete process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];
    trace.disable();
    metrics.disable();
    const hole = await collector(true);
    const stuck = await startTelemetry({ endpoint: hole.endpoint, closeMs: 200 });
    const lean = stuck.tracerProvider.getTracer("test");
    for (let i = 0; i < 5_000; i++) trace.getTracer("test").startSpan("lost").end();
    for (let i = 0; i < 5_000; i++) lean.startSpan("lost", undefined, ROOT_CONTEXT).end();
    // The collector never answers. Without the bound this would take the exporter's own time limit of ten seconds.
    const began = performance.now();
    await stuck.close();
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
