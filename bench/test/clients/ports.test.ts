import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AdapterService } from "atp-protocol/adapter";
import { type AdapterPort, type Chunk, type Clock, type LegSink, type StreamCall, systemClock } from "atp-router-core";
import { grpcAdapter } from "atp-router-core/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectPort } from "../../src/clients/connect-port.js";
import { grpcjsPort } from "../../src/clients/grpcjs-port.js";

const clock = systemClock();

/** Collects a call's pieces and end. */
class Collector implements LegSink {
  readonly chunks: Chunk[] = [];
  readonly ends: Parameters<LegSink["end"]>[0][] = [];
  private readonly waiting: { when: () => boolean; resolve: () => void }[] = [];

  chunk(chunk: Chunk): void {
    this.chunks.push(chunk);
    this.wake();
  }

  end(end: Parameters<LegSink["end"]>[0]): void {
    this.ends.push(end);
    this.wake();
  }

  until(when: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ when, resolve });
      this.wake();
    });
  }

  private wake(): void {
    for (const { when, resolve } of this.waiting) if (when()) resolve();
  }
}

const piece = (text: string) => ({
  type: "agent.result.partial",
  contentJson: JSON.stringify({ text }),
  partialOutTokens: 1n,
  more: true,
});
const final = { type: "agent.result.final", contentJson: "{}", more: false };

describe.each([
  { name: "connect-node", open: connectPort },
  { name: "grpc-js", open: grpcjsPort },
  { name: "node:http2, the product's own", open: (url: string, time: Clock) => grpcAdapter({ url, clock: time }) },
])("AdapterPort over $name", ({ open }) => {
  let server: Http2Server;
  let port: AdapterPort;
  let service: Partial<ServiceImpl<typeof AdapterService>>;

  beforeEach(async () => {
    server = createServer(
      connectNodeAdapter({
        routes: (router) =>
          router.service(AdapterService, {
            estimate: (request, context) => service.estimate?.(request, context) ?? {},
            stream: (request, context) => {
              if (service.stream === undefined) throw new ConnectError("none", Code.Unimplemented);
              return service.stream(request, context);
            },
            health: (request, context) => service.health?.(request, context) ?? {},
          }),
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, clock);
    service = {};
  });

  afterEach(async () => {
    port.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const soon = () => ({ deadlineAt: clock.now() + 10_000 });
  const call = (): StreamCall => ({
    callId: "c1",
    qos: "silver",
    attempt: 0,
    taskType: "t",
    promptJson: '{"prompt":"p"}',
    maxOutputTokens: 100,
    contextJson: "",
    sample: 0,
    ...soon(),
  });

  it("quotes", async () => {
    service.estimate = (request, context) => ({
      inTokens: BigInt(request.promptJson.length),
      outTokens: 5n,
      usdMicros: 7n,
      confidence: context.requestHeader.get("atp-qos") === "silver" ? 0.5 : 0,
    });
    const got = await port.estimate({ ...call(), maxOutputTokens: 0 }, soon());
    expect(got).toMatchObject({ inTokens: 14, outTokens: 5, usdMicros: 7, confidence: 0.5, cancelsCleanly: false });
    expect(got).not.toHaveProperty("p95Tokens");
  });

  it.each([
    { code: Code.Unavailable, kind: "unavailable" },
    { code: Code.ResourceExhausted, kind: "exhausted" },
    { code: Code.InvalidArgument, kind: "rejected" },
    { code: Code.DeadlineExceeded, kind: "timeout" },
    { code: Code.Internal, kind: "internal" },
  ])("B.6: status $code is $kind", async ({ code, kind }) => {
    service.estimate = () => {
      throw new ConnectError("why not", code);
    };
    await expect(port.estimate({ ...call(), maxOutputTokens: 0 }, soon())).rejects.toMatchObject({
      failure: { kind, message: "why not" },
    });
  });

  it("gives up at the deadline", async () => {
    service.estimate = (_, context) =>
      new Promise((_, reject) =>
        context.signal.addEventListener("abort", () => reject(context.signal.reason as Error)),
      );
    await expect(
      port.estimate({ ...call(), maxOutputTokens: 0 }, { deadlineAt: clock.now() + 30 }),
    ).rejects.toMatchObject({
      failure: { kind: "timeout" },
    });
  });

  it("delivers the pieces in order, then the final, then nothing", async () => {
    service.stream = async function* () {
      for (let i = 0; i < 200; i++) yield piece(`${i} `);
      yield final;
    };
    const sink = new Collector();
    port.open(call(), sink).demand(1_000);
    await sink.until(() => sink.ends.length > 0);
    expect(sink.chunks.map((c) => c.text).join("")).toBe(Array.from({ length: 200 }, (_, i) => `${i} `).join(""));
    expect(sink.chunks[0]?.usage).toEqual({ inTokens: 0, outTokens: 1, usdMicros: 0 });
    expect(sink.ends).toHaveLength(1);
    expect(sink.ends[0]).toMatchObject({ final: { evidence: [] } });
  });

  it("delivers no more than was demanded, and holds the adapter back", async () => {
    const total = 3_000;
    let made = 0;
    service.stream = async function* () {
      for (; made < total; made++) yield piece("x".repeat(1_000));
      yield final;
    };
    const sink = new Collector();
    const handle = port.open(call(), sink);
    handle.demand(3);
    await sink.until(() => sink.chunks.length === 3);
    // A whole unary call on the same connection: time enough for what would come too early.
    await port.estimate({ ...call(), maxOutputTokens: 0 }, soon());
    expect(sink.chunks).toHaveLength(3);
    expect(made).toBeLessThan(total);
    handle.demand(total);
    await sink.until(() => sink.ends.length > 0);
    expect(sink.chunks).toHaveLength(total);
    expect(sink.ends[0]).toHaveProperty("final");
  });

  it("B.8: a cancel reaches the adapter and ends the call once", async () => {
    let stopped: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => (stopped = resolve));
    service.stream = async function* (_, context) {
      context.signal.addEventListener("abort", stopped);
      yield piece("a");
      await heard;
    };
    const sink = new Collector();
    const handle = port.open(call(), sink);
    handle.demand(10);
    await sink.until(() => sink.chunks.length === 1);
    handle.cancel("enough");
    await heard;
    expect(sink.ends).toEqual([{ failure: { kind: "cancelled", message: "enough", sent: true } }]);
  });

  it.each([
    { name: "no final", messages: [piece("a")], says: /without a final/ },
    {
      name: "a last chunk of another type",
      messages: [{ type: "agent.result.partial", more: false }],
      says: /final/,
    },
    {
      name: "content that is no JSON",
      messages: [{ type: "agent.result.partial", contentJson: "{", more: true }],
      says: /not JSON/,
    },
  ])("B.3: $name is a broken contract", async ({ messages, says }) => {
    service.stream = async function* () {
      yield* messages;
    };
    const sink = new Collector();
    port.open(call(), sink).demand(10);
    await sink.until(() => sink.ends.length > 0);
    expect(sink.ends[0]).toMatchObject({
      failure: { kind: "protocol", message: expect.stringMatching(says) as string },
    });
  });

  it("fails a call that dies in the middle after what it sent", async () => {
    service.stream = async function* () {
      yield piece("a");
      throw new ConnectError("provider down", Code.Unavailable);
    };
    const sink = new Collector();
    port.open(call(), sink).demand(10);
    await sink.until(() => sink.ends.length > 0);
    expect(sink.chunks).toHaveLength(1);
    expect(sink.ends).toEqual([{ failure: { kind: "unavailable", message: "provider down", sent: true } }]);
  });

  it("fails when nobody listens", async () => {
    const nobody = open("http://127.0.0.1:9", clock);
    await expect(nobody.health(soon())).rejects.toMatchObject({ failure: { kind: "unavailable" } });
    nobody.close();
  });
});
