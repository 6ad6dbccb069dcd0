import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "../src/gen/grpc/health/v1/health_pb.js";
import * as v1 from "../src/gen/grpc/reflection/v1/reflection_pb.js";
import * as v1alpha from "../src/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { deferred, serve } from "./support/served.js";

describe("grpc.health.v1 (B.1)", () => {
  it.each([[""], ["atp.adapter.v1.AdapterService"]])("says that %j serves", async (service) => {
    const { client } = await serve({});
    const response = await client.unary(Health, "Check", HealthCheckRequestSchema, HealthCheckResponseSchema, {
      service,
    });
    expect(response.status).toBe(Serving.SERVING);
  });

  it("does not know other services", async () => {
    const { client } = await serve({});
    const check = client.unary(Health, "Check", HealthCheckRequestSchema, HealthCheckResponseSchema, {
      service: "x.Y",
    });
    await expect(check).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it("says that a paused adapter does not serve", async () => {
    const { client } = await serve({ health: () => ({ status: "pause" }) });
    const response = await client.unary(Health, "Check", HealthCheckRequestSchema, HealthCheckResponseSchema, {});
    expect(response.status).toBe(Serving.NOT_SERVING);
  });

  it("Watch tells the state and then its change", async () => {
    let paused = false;
    const { client } = await serve({ health: () => ({ status: paused ? "pause" : "ready" }) });
    const watch = client.serverStream(Health, "Watch", HealthCheckRequestSchema, HealthCheckResponseSchema, {});
    watch.on("error", () => undefined);
    const changed = deferred();
    const states: number[] = [];
    watch.on("data", (response: HealthCheckResponse) => {
      states.push(response.status);
      if (states.length === 1) paused = true;
      else changed.resolve();
    });
    await changed.promise;
    watch.cancel();
    expect(states).toEqual([Serving.SERVING, Serving.NOT_SERVING]);
  });
});

describe.each([
  ["v1", v1],
  ["v1alpha", v1alpha],
] as const)("reflection %s (B.1)", (_version, pb) => {
  const ask = async (messageRequest: v1.ServerReflectionRequest["messageRequest"]) => {
    const { client } = await serve({});
    // The two versions have equal shapes; the test picks one of them at run time.
    const { ServerReflection, ServerReflectionRequestSchema, ServerReflectionResponseSchema } = pb as typeof v1;
    const responses = await client.bidi(
      ServerReflection,
      "ServerReflectionInfo",
      ServerReflectionRequestSchema,
      ServerReflectionResponseSchema,
      [{ host: "h", messageRequest }],
    );
    expect(responses).toHaveLength(1);
    expect(responses[0]?.validHost).toBe("h");
    return responses[0]?.messageResponse;
  };

  it("lists the services", async () => {
    const response = await ask({ case: "listServices", value: "*" });
    expect(response?.case === "listServicesResponse" && response.value.service.map((service) => service.name)).toEqual([
      "atp.adapter.v1.AdapterService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
  });

  it.each([
    ["a service", { case: "fileContainingSymbol", value: "atp.adapter.v1.AdapterService" }],
    ["a method", { case: "fileContainingSymbol", value: "atp.adapter.v1.AdapterService.Stream" }],
    ["a message", { case: "fileContainingSymbol", value: "atp.adapter.v1.StreamChunk" }],
    ["a nested enum", { case: "fileContainingSymbol", value: "atp.adapter.v1.HealthResponse.Status" }],
    ["a field", { case: "fileContainingSymbol", value: "atp.adapter.v1.StreamChunk.more" }],
    ["a file", { case: "fileByFilename", value: "atp/adapter/v1/adapter.proto" }],
  ] as const)("gives the file of %s, its field numbers as part B fixes them", async (_name, question) => {
    const response = await ask(question);
    if (response?.case !== "fileDescriptorResponse") throw new Error(`got ${String(response?.case)}`);
    const [file] = response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    expect(file?.name).toBe("atp/adapter/v1/adapter.proto");
    const chunk = file?.messageType.find((message) => message.name === "StreamChunk");
    expect(chunk?.field.map((field) => [field.number, field.name])).toEqual([
      [1, "type"],
      [2, "content_json"],
      [3, "confidence"],
      [4, "partial_in_tokens"],
      [5, "partial_out_tokens"],
      [6, "partial_usd_micros"],
      [7, "more"],
    ]);
  });

  it.each([
    ["an unknown symbol", { case: "fileContainingSymbol", value: "x.Y" }, status.NOT_FOUND],
    ["an unknown file", { case: "fileByFilename", value: "x.proto" }, status.NOT_FOUND],
    ["extensions", { case: "allExtensionNumbersOfType", value: "x.Y" }, status.NOT_FOUND],
    ["nothing", { case: undefined }, status.INVALID_ARGUMENT],
  ] as const)("answers %s with an error, and goes on", async (_name, question, code) => {
    const response = await ask(question);
    expect(response?.case === "errorResponse" && response.value.errorCode).toBe(code);
  });
});
