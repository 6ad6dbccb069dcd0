import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { Metadata, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import type { AdapterPort, StreamCall } from "../../src/ports/index.js";
import { grpcAdapter } from "../../src/node/grpc-adapter.js";
import { systemClock } from "../../src/runtime/index.js";
import { final, partial, serveHandlers } from "./support/adapter-server.js";
import type { AdapterServer, Handlers, StreamCallAtServer } from "./support/adapter-server.js";
import { Collector } from "./support/collector.js";
import { answer as rawAnswer, serveHttp2 } from "./support/http2-server.js";

const clock = systemClock();
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function adapterAt(url: string, warn?: (message: string) => void): AdapterPort {
  const port = grpcAdapter(warn === undefined ? url : { url, warn });
  cleanups.push(() => port.close());
  return port;
}

async function served(handlers: Handlers, warn?: (message: string) => void) {
  const server: AdapterServer = await serveHandlers(handlers);
  cleanups.push(() => server.kill());
  return { server, port: adapterAt(server.url, warn) };
}

const soon = () => ({ deadlineAt: clock.now() + 10_000 });
const origin = { callId: "c-1", qos: "gold", attempt: 0 };
const question = { ...origin, taskType: "qa", promptJson: '{"prompt":"why?"}', maxOutputTokens: 0 };
const task = (more: Partial<StreamCall> = {}): StreamCall => ({
  ...question,
  maxOutputTokens: 64,
  contextJson: "",
  sample: 0,
  ...soon(),
  ...more,
});

/** Opens a call that wants everything. */
function ask(port: AdapterPort, demand = 1_000, more: Partial<StreamCall> = {}) {
  const sink = new Collector();
  const handle = port.open(task(more), sink);
  handle.demand(demand);
  return { sink, handle };
}

function writing(...chunks: Parameters<StreamCallAtServer["write"]>[0][]): Handlers {
  return {
    stream: (call) => {
      for (const chunk of chunks) call.write(chunk);
      call.end();
    },
  };
}

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("Estimate", () => {
  it("B.2-1: takes a quote of fields 1 to 11", async () => {
    const { port } = await served({
      estimate: (call, answer) =>
        answer(null, {
          inTokens: BigInt(call.request.promptJson.length),
          outTokens: 40n,
          usdMicros: 900n,
          p95Tokens: 120n,
          p95UsdMicros: 1_500n,
          varianceTokens: 25.5,
          varianceUsd: 100,
          confidence: 0.75,
          toolCostBreakdownJson: "{}",
          assumptions: ["one turn"],
          tokenEstimatesJson: "{}",
        }),
    });
    expect(await port.estimate(question, soon())).toEqual({
      inTokens: 17,
      outTokens: 40,
      usdMicros: 900,
      p95Tokens: 120,
      p95UsdMicros: 1_500,
      varianceTokens: 25.5,
      varianceUsd: 100,
      confidence: 0.75,
      cancelsCleanly: false,
      assumptions: ["one turn"],
    });
  });

  it("B.5: tells the call's origin in metadata, and its own name of the call", async () => {
    const seen: Record<string, unknown>[] = [];
    const { port } = await served({
      estimate: (call, answer) => {
        seen.push({ ...call.metadata.getMap(), id: call.request.streamId, max: call.request.maxOutputTokens });
        answer(null, {});
      },
    });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await port.estimate({ ...question, attempt: 2, session: "h4sh", traceparent, maxOutputTokens: 9 }, soon());
    expect(seen).toEqual([
      expect.objectContaining({
        "atp-qos": "gold",
        "atp-attempt": "2",
        "atp-session": "h4sh",
        traceparent,
        id: "c-1",
        max: 9n,
      }),
    ]);
    await port.estimate({ ...question, traceparent: "00-\u{1f4a5}\n" }, soon());
    expect(seen[1]).not.toHaveProperty("traceparent");
  });

  it.each([
    ["in_tokens over 2^53-1", { inTokens: 2n ** 53n }, /in_tokens is larger/],
    ["usd_micros over 2^53-1", { usdMicros: 2n ** 64n - 1n }, /usd_micros is larger/],
    ["p95_tokens over 2^53-1", { p95Tokens: 2n ** 60n }, /p95_tokens is larger/],
    ["variance NaN", { varianceTokens: Number.NaN }, /variance_tokens is NaN/],
    ["variance infinite", { varianceUsd: Infinity }, /variance_usd is Infinity/],
    ["variance negative", { varianceUsd: -1 }, /variance_usd is -1/],
    ["confidence NaN", { confidence: Number.NaN }, /confidence .* NaN/],
  ])("B.10-2: %s breaks the contract", async (_name, quote, says) => {
    const { port } = await served({ estimate: (_call, answer) => answer(null, quote) });
    await expect(port.estimate(question, soon())).rejects.toMatchObject({
      failure: { kind: "protocol", message: expect.stringMatching(says) as string, sent: true },
    });
  });

  it("B.4-2: clamps a confidence outside 0 to 1, and tells once", async () => {
    const warnings: string[] = [];
    const given = [1.5, 1.7, -0.2];
    const { port } = await served(
      { estimate: (_call, answer) => answer(null, { confidence: given.shift() ?? 0 }) },
      (message) => warnings.push(message),
    );
    const got = [];
    for (let i = 0; i < 3; i++) got.push((await port.estimate(question, soon())).confidence);
    expect(got).toEqual([1, 1, 0]);
    expect(warnings).toEqual(["confidence of an estimate is 1.5, outside 0 to 1, and was clamped"]);
  });

  it.each([
    [status.UNAVAILABLE, "unavailable"],
    [status.RESOURCE_EXHAUSTED, "exhausted"],
    [status.ABORTED, "unavailable"],
    [status.DEADLINE_EXCEEDED, "timeout"],
    [status.INVALID_ARGUMENT, "rejected"],
    [status.PERMISSION_DENIED, "rejected"],
    [status.UNAUTHENTICATED, "rejected"],
    [status.FAILED_PRECONDITION, "rejected"],
    [status.UNIMPLEMENTED, "rejected"],
    [status.INTERNAL, "internal"],
    [status.UNKNOWN, "internal"],
    // Nobody here cancelled: it is the adapter that ends.
    [status.CANCELLED, "unavailable"],
  ])("B.6: status %i is the failure kind %s", async (code, kind) => {
    const { port } = await served({ estimate: (_call, answer) => answer({ code, details: "why not" }) });
    await expect(port.estimate(question, soon())).rejects.toMatchObject({
      failure: { kind, message: "why not", sent: true },
    });
  });

  it("B.6-4: passes on how long an adapter at capacity asks to be left alone", async () => {
    const metadata = new Metadata();
    metadata.set("grpc-retry-pushback-ms", "250");
    const { port } = await served({
      estimate: (_call, answer) => answer({ code: status.RESOURCE_EXHAUSTED, details: "full", metadata }),
    });
    await expect(port.estimate(question, soon())).rejects.toMatchObject({
      failure: { kind: "exhausted", retryAfterMs: 250 },
    });
  });

  it("tells an adapter that cannot reach its own provider from one that cannot be reached", async () => {
    const details = "No connection established. Last error: connect ECONNREFUSED 10.0.0.1:443";
    const { port } = await served({ estimate: (_call, answer) => answer({ code: status.UNAVAILABLE, details }) });
    await expect(port.estimate(question, soon())).rejects.toMatchObject({
      failure: { kind: "unavailable", message: details, sent: true },
    });
  });

  it("B.5: sends the deadline along, and gives up at it", async () => {
    let deadline: unknown;
    const { port } = await served({ estimate: (call) => (deadline = call.getDeadline()) });
    const before = Date.now();
    await expect(port.estimate(question, { deadlineAt: clock.now() + 60 })).rejects.toMatchObject({
      failure: { kind: "timeout", message: "did not answer in time", sent: true },
    });
    expect(Number(deadline) - before).toBeGreaterThan(0);
    expect(Number(deadline) - before).toBeLessThan(1_000);
  });

  it.each([
    ["nothing", [], /answered with nothing/],
    ["two quotes", ["", ""], /answered twice/],
    ["what is no quote", ["\u000a\u0005x"], /answer to Estimate cannot be read/],
  ])("an answer of %s breaks the contract", async (_name, messages, says) => {
    const server = await serveHttp2((stream) => rawAnswer(stream, ...messages));
    cleanups.push(() => server.kill());
    await expect(adapterAt(`http://127.0.0.1:${server.port}`).estimate(question, soon())).rejects.toMatchObject({
      failure: { kind: "protocol", message: expect.stringMatching(says) as string, sent: true },
    });
  });

  it("gives up when its signal says so", async () => {
    const abort = new AbortController();
    let stopped: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => (stopped = resolve));
    const { port } = await served({
      estimate: (call) => {
        call.on("cancelled", () => stopped());
        abort.abort();
      },
    });
    await expect(port.estimate(question, { ...soon(), signal: abort.signal })).rejects.toMatchObject({
      failure: { kind: "cancelled" },
    });
    await heard;
  });
});

describe("Health", () => {
  it("B.2-2: an adapter that does not know the call is READY", async () => {
    const { port } = await served({});
    expect(await port.health(soon())).toEqual({ status: "READY", p95Ms: 0, errorRate: 0, info: {} });
  });

  it("a server that is no adapter is not READY, though it does not know the call either", async () => {
    const server = await serveHttp2((stream) => stream.respond({ ":status": 404 }, { endStream: true }));
    cleanups.push(() => server.kill());
    await expect(adapterAt(`http://127.0.0.1:${server.port}`).health(soon())).rejects.toMatchObject({
      failure: { kind: "rejected", message: "answered with HTTP status 404", sent: true },
    });
  });

  it("B.2-3: an adapter of fields 1 and 2 is READY", async () => {
    const { port } = await served({ health: (_call, answer) => answer(null, { p95Ms: 120.5, errorRate: 0.25 }) });
    expect(await port.health(soon())).toEqual({ status: "READY", p95Ms: 120.5, errorRate: 0.25, info: {} });
  });

  it("reads what an adapter tells of itself", async () => {
    const { port } = await served({
      health: (_call, answer) =>
        answer(null, {
          status: 4,
          suggestedMaxParallel: 8,
          retryAfterMs: 1_000,
          name: "n",
          model: "m",
          version: "v",
          contextTokens: 8_192n,
          tags: ["a"],
          usdMicrosPerMtokIn: 5n,
          usdMicrosPerMtokOut: 15n,
        }),
    });
    expect(await port.health(soon())).toEqual({
      status: "DRAINING",
      p95Ms: 0,
      errorRate: 0,
      suggestedMaxParallel: 8,
      retryAfterMs: 1_000,
      info: {
        name: "n",
        model: "m",
        version: "v",
        contextTokens: 8_192,
        tags: ["a"],
        price: { inPerMtok: 5, outPerMtok: 15 },
      },
    });
  });

  it.each([
    ["p95_ms NaN", { p95Ms: Number.NaN }],
    ["error_rate NaN", { errorRate: Number.NaN }],
    ["context_tokens over 2^53-1", { contextTokens: 2n ** 60n }],
  ])("takes no number that is none: %s", async (_name, answered) => {
    const { port } = await served({ health: (_call, answer) => answer(null, answered) });
    await expect(port.health(soon())).rejects.toMatchObject({ failure: { kind: "protocol" } });
  });
});

describe("Stream", () => {
  it("B.7, B.3: asks with the clip, delivers the deltas with their usage in order, then the final", async () => {
    let asked: unknown;
    const { port } = await served({
      stream: (call) => {
        asked = { ...call.request, $typeName: undefined, $unknown: undefined };
        call.write(partial("Hel", { partialInTokens: 7n, partialOutTokens: 1n, confidence: 0.25 }));
        call.write(partial("lo", { partialOutTokens: 1n, partialUsdMicros: 3n }));
        call.write(
          final({ answer: "Hello.", evidence: [{ source: "a", locator: "a:1", quote: "q" }] }, { confidence: 0.9 }),
        );
        call.end();
      },
    });
    const { sink } = ask(port, 10, { contextJson: '{"k":1}', sample: 2 });
    await sink.ended();
    expect(asked).toMatchObject({
      streamId: "c-1",
      taskType: "qa",
      promptJson: '{"prompt":"why?"}',
      maxOutputTokens: 64n,
      contextJson: '{"k":1}',
      sample: 2,
    });
    expect(sink.chunks).toEqual([
      { text: "Hel", usage: { inTokens: 7, outTokens: 1, usdMicros: 0 }, confidence: 0.25 },
      { text: "lo", usage: { inTokens: 0, outTokens: 1, usdMicros: 3 } },
    ]);
    expect(sink.ends).toEqual([
      {
        final: {
          answer: "Hello.",
          evidence: [{ source: "a", locator: "a:1", quote: "q" }],
          usage: { inTokens: 0, outTokens: 0, usdMicros: 0 },
          confidence: 0.9,
        },
      },
    ]);
  });

  it("B.9-1: passes other members through, but none that the router writes and none that a frame may not carry", async () => {
    const extra =
      '{"text":"t","step":"plan","deep":{"__proto__":1,"s":"\\ud83d"},"adapter":"me","chunk":9,"__proto__":{}}';
    const { port } = await served(
      writing(
        { type: "agent.result.partial", contentJson: extra, more: true },
        final({ answer: "a", ok: false, consensus: {}, tool_calls: [{ name: "f" }] }),
      ),
    );
    const { sink } = ask(port);
    await sink.ended();
    expect(sink.chunks[0]?.extra).toEqual({ step: "plan", deep: { s: "\ufffd" } });
    expect(sink.ends[0]).toMatchObject({ final: { extra: { tool_calls: [{ name: "f" }] } } });
    expect(Object.keys((sink.ends[0] as { final: { extra: object } }).final.extra)).toEqual(["tool_calls"]);
  });

  it.each([
    ["a pair cut in two", ["a\ud83d", "\udca5b"], "a\u{1f4a5}b", [1, 3]],
    ["a pair cut in two around an empty delta", ["\ud83d", "", "\udca5"], "\u{1f4a5}", [0, 0, 2]],
    ["a half that never gets its other half", ["a\ud83d", "b"], "a\ufffdb", [1, 2]],
    ["a half at the very end", ["a\ud83d"], "a\ufffd", [1, 1]],
    ["a low half alone", ["\udca5x"], "\ufffdx", [2]],
  ])("B.9-5: %s", async (_name, deltas, text, lengths) => {
    const { port } = await served(writing(...deltas.map((delta) => partial(delta)), final()));
    const { sink } = ask(port);
    await sink.ended();
    expect(sink.text).toBe(text);
    expect(sink.chunks.map((chunk) => chunk.text?.length)).toEqual(lengths);
  });

  it.each([
    ["a stream without a final", [partial("a", { partialOutTokens: 5n })], /without a final/, 1],
    ["a last chunk of another type", [partial("a"), partial("b", { more: false })], /without a final/, 2],
    ["a final that says more follow", [final({}, { more: true })], /says that more follow/, 0],
    ["content that is no JSON", [partial("", { contentJson: "{" })], /not JSON/, 0],
    ["content that is no object", [partial("", { contentJson: "[1]" })], /not an object/, 0],
    ["text that is no text", [partial("", { contentJson: '{"text":1}' })], /text is not text/, 0],
    ["an answer that is no text", [final({ answer: 1 })], /answer is not text/, 0],
    ["usage over 2^53-1", [partial("", { partialOutTokens: 2n ** 53n })], /partial_out_tokens is larger/, 0],
    ["a confidence that is no number", [partial("", { confidence: Number.NaN })], /NaN/, 0],
    [
      "content nested without end",
      [partial("", { contentJson: `{"x":${"[".repeat(60)}${"]".repeat(60)}}` })],
      /nested/,
      0,
    ],
  ])("B.3-3, B.9: %s is a failed call, and its usage before counts", async (_name, chunks, says, told) => {
    const { port } = await served(writing(...chunks));
    const { sink } = ask(port);
    await sink.ended();
    expect(sink.chunks).toHaveLength(told);
    expect(sink.ends).toEqual([
      { failure: { kind: "protocol", message: expect.stringMatching(says) as string, sent: true } },
    ]);
    if (told === 1) expect(sink.chunks[0]?.usage.outTokens).toBe(5);
  });

  it("stops an adapter that broke the contract and would go on", async () => {
    let stopped: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => (stopped = resolve));
    const { port } = await served({
      stream: (call) => {
        call.on("cancelled", () => stopped());
        call.write(partial("", { contentJson: "no" }));
      },
    });
    await ask(port).sink.ended();
    await heard;
  });

  it.each([
    [status.UNAVAILABLE, "unavailable"],
    [status.RESOURCE_EXHAUSTED, "exhausted"],
    [status.INVALID_ARGUMENT, "rejected"],
    [status.INTERNAL, "internal"],
  ])("B.6: status %i in the middle of an answer is told as %s, after what came before", async (code, kind) => {
    const { port } = await served({
      stream: (call) => {
        call.write(partial("a"));
        call.write(partial("b"), () => call.emit("error", { code, details: "gone" }));
      },
    });
    const { sink } = ask(port);
    await sink.ended();
    expect(sink.ends).toEqual([{ failure: { kind, message: "gone", sent: true } }]);
  });

  it("an adapter that dies in the middle is unavailable", async () => {
    const { server, port } = await served({ stream: (call) => call.write(partial("a")) });
    const { sink } = ask(port);
    await sink.until(({ chunks }) => chunks.length === 1);
    server.kill();
    await sink.ended();
    expect(sink.ends).toMatchObject([{ failure: { kind: "unavailable", sent: true } }]);
  });

  it("delivers never more than was demanded; without demand the adapter's writes stand still", async () => {
    const total = 4_000;
    let written = 0;
    const { port } = await served({
      stream: (call) => {
        const go = (): void => {
          while (written < total) {
            written++;
            if (!call.write(partial("x".repeat(1_000)))) {
              call.once("drain", go);
              return;
            }
          }
          call.write(final());
          call.end();
        };
        go();
      },
    });
    const { sink, handle } = ask(port, 3);
    await sink.until(({ chunks }) => chunks.length === 3);
    // Whole calls on the same connection: time enough for what would come too early.
    let before = -1;
    for (let still = 0; still < 5; still = written === before ? still + 1 : 0) {
      before = written;
      await port.health(soon());
    }
    expect(sink.chunks).toHaveLength(3);
    expect(written).toBeLessThan(total / 2);
    for (let given = 3; given < total; given += 7) {
      handle.demand(7);
      await sink.until(({ chunks }) => chunks.length === Math.min(total, given + 7));
      expect(sink.ends).toHaveLength(given + 7 >= total ? sink.ends.length : 0);
    }
    await sink.ended();
    expect(sink.chunks).toHaveLength(total);
    expect(sink.ends[0]).toHaveProperty("final");
  });

  it("needs no demand for the end itself", async () => {
    const { port } = await served(writing(partial("a"), partial("b"), final()));
    const { sink } = ask(port, 2);
    await sink.ended();
    expect(sink.text).toBe("ab");
    expect(sink.ends[0]).toHaveProperty("final");
  });

  it("waits with a failure until what came before it was wanted", async () => {
    const { port } = await served({
      stream: (call) => {
        for (let i = 0; i < 5; i++) call.write(partial(String(i)));
        call.end();
      },
    });
    const { sink, handle } = ask(port, 2);
    await sink.until(({ chunks }) => chunks.length === 2);
    await port.health(soon());
    await port.health(soon());
    expect(sink.ends).toEqual([]);
    handle.demand(10);
    await sink.ended();
    expect(sink.text).toBe("01234");
    expect(sink.ends).toMatchObject([{ failure: { kind: "protocol" } }]);
  });

  it("waits with a bad status too until what came before it was wanted", async () => {
    let fail: () => void = () => undefined;
    const { port } = await served({
      stream: (call) => {
        for (let i = 0; i < 5; i++) call.write(partial(String(i)));
        fail = () => call.emit("error", { code: status.UNAVAILABLE, details: "gone" });
      },
    });
    const { sink, handle } = ask(port, 2);
    await sink.until(({ chunks }) => chunks.length === 2);
    await port.health(soon());
    fail();
    await port.health(soon());
    await port.health(soon());
    expect(sink.ends).toEqual([]);
    handle.demand(10);
    await sink.ended();
    expect(sink.text).toBe("01234");
    expect(sink.ends).toEqual([{ failure: { kind: "unavailable", message: "gone", sent: true } }]);
  });

  it("B.8, A9.5: a cancel reaches the adapter within 50 ms and ends the call once", async () => {
    let stoppedAt = 0;
    let stopped: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => (stopped = resolve));
    const { port } = await served({
      stream: (call) => {
        call.write(partial("a"));
        call.on("cancelled", () => {
          stoppedAt = performance.now();
          stopped();
        });
      },
    });
    const { sink, handle } = ask(port);
    await sink.until(({ chunks }) => chunks.length === 1);
    const cancelledAt = performance.now();
    handle.cancel("enough");
    handle.cancel("twice");
    expect(sink.ends).toEqual([{ failure: { kind: "cancelled", message: "enough", sent: true } }]);
    await heard;
    expect(stoppedAt - cancelledAt).toBeLessThan(50);
    await port.health(soon());
    expect(sink.ends).toHaveLength(1);
  });

  it("gives up at the deadline", async () => {
    const { port } = await served({ stream: () => undefined });
    const { sink } = ask(port, 10, { deadlineAt: clock.now() + 60 });
    await sink.ended();
    expect(sink.ends).toEqual([{ failure: { kind: "timeout", message: "did not answer in time", sent: true } }]);
  });

  it("a message over the limit is the adapter's fault, not its capacity", async () => {
    const { port } = await served(writing(partial("x".repeat(17 * 1024 * 1024))));
    const { sink } = ask(port);
    await sink.ended();
    expect(sink.ends).toMatchObject([{ failure: { kind: "protocol", sent: true } }]);
  });
});

describe("the connection", () => {
  it("B.6: a call that found nobody was never sent, and fails at once", async () => {
    const port = adapterAt(`http://127.0.0.1:${await unusedPort()}`);
    await expect(port.estimate(question, soon())).rejects.toMatchObject({
      failure: { kind: "unavailable", message: "cannot be reached", sent: false },
    });
    const { sink } = ask(port);
    await sink.ended();
    expect(sink.ends).toEqual([{ failure: { kind: "unavailable", message: "cannot be reached", sent: false } }]);
  });

  /** Takes connections and says nothing, as a host does that is overloaded. */
  async function silentServer(at = 0): Promise<string> {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(at, "127.0.0.1", resolve));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    return `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  }

  it("a call that waits for another connection was never sent either", async () => {
    const { server, port } = await served({});
    await port.health(soon());
    server.kill();
    await silentServer(server.port);
    const failures: { kind: string; sent: boolean }[] = [];
    const quote = (): Promise<unknown> =>
      port.estimate(question, { deadlineAt: clock.now() + 60 }).catch((error: unknown) => {
        failures.push((error as { failure: { kind: string; sent: boolean } }).failure);
      });
    // Until the library tries again its calls fail at once; then they wait.
    while (failures.at(-1)?.kind !== "timeout") await quote();
    expect(failures.at(-1)).toMatchObject({ kind: "timeout", sent: false });
  });

  it("a call that waits for a connection was never sent: at its deadline, at its cancel", async () => {
    const port = adapterAt(await silentServer());
    const late = ask(port, 1, { deadlineAt: clock.now() + 60 });
    await late.sink.ended();
    expect(late.sink.ends).toMatchObject([{ failure: { kind: "timeout", sent: false } }]);
    const { sink, handle } = ask(port);
    handle.cancel("never mind");
    expect(sink.ends).toEqual([{ failure: { kind: "cancelled", message: "never mind", sent: false } }]);
  });

  it("finds an adapter that comes later, and one that comes back", async () => {
    const at = await unusedPort();
    const port = adapterAt(`http://127.0.0.1:${at}`);
    await expect(port.health(soon())).rejects.toMatchObject({ failure: { sent: false } });
    const reached = async (): Promise<number> => {
      const from = performance.now();
      while ((await port.health(soon()).catch(() => undefined)) === undefined) {
        // As the router's probes do, but at once: a call that fails costs no waiting.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return performance.now() - from;
    };
    const first = await serveHandlers({}, at);
    expect(await reached()).toBeLessThan(3_000);
    first.kill();
    await expect(port.estimate(question, soon())).rejects.toMatchObject({ failure: { kind: expect.any(String) } });
    const second = await serveHandlers({}, at);
    cleanups.push(() => second.kill());
    expect(await reached()).toBeLessThan(3_000);
  });

  it("close ends running calls, and later ones fail at once", async () => {
    const { port } = await served({ stream: (call) => call.write(partial("a")) });
    const { sink } = ask(port);
    await sink.until(({ chunks }) => chunks.length === 1);
    port.close();
    await sink.ended();
    const failure = { kind: "unavailable", message: "the router closed its connection" };
    expect(sink.ends).toEqual([{ failure: { ...failure, sent: true } }]);
    const after = ask(port);
    await after.sink.ended();
    expect(after.sink.ends).toEqual([{ failure: { ...failure, sent: false } }]);
    await expect(port.estimate(question, soon())).rejects.toMatchObject({ failure: { ...failure, sent: false } });
  });

  it.each(["ftp://127.0.0.1:7070", "127.0.0.1:7070", "localhost"])("refuses the address %s", (url) => {
    expect(() => grpcAdapter(url)).toThrow(TypeError);
  });
});
