import { AtpError } from "atp-protocol";
import { HealthResponse_Status } from "atp-protocol/adapter";
import { Code, ConnectError } from "@connectrpc/connect";
import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { AdapterError, type AdapterRequest, type StreamCall, type StreamPart } from "../src/index.js";
import { contentOf } from "./support/grpc-client.js";
import { deferred, serve } from "./support/served.js";

const hello = { streamId: "c1", promptJson: JSON.stringify({ prompt: "hello" }) };

/** Never ends by itself; resolves `stopped` when its signal fires. */
function endless(onStop: () => void) {
  return async function* (_request: AdapterRequest, call: StreamCall): AsyncGenerator<StreamPart> {
    yield { text: "first" };
    await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve(), { once: true }));
    onStop();
  };
}

describe("Stream", () => {
  it("B.3 B.9 sends partials and one final, last and without more", async () => {
    const { client } = await serve({
      stream: async function* () {
        yield { text: "It is ", confidence: 0.4 };
        yield { text: "42.", note: "kept" };
        yield { final: { evidence: [{ source: "a.md", locator: "a.md:3", quote: "42" }] }, confidence: 0.9 };
      },
    });
    const { chunks, status: end } = await client.run(hello);
    expect(end.code).toBe(status.OK);
    expect(chunks.map((chunk) => [chunk.type, contentOf(chunk), chunk.more])).toEqual([
      ["agent.result.partial", { text: "It is " }, true],
      ["agent.result.partial", { text: "42.", note: "kept" }, true],
      ["agent.result.final", { evidence: [{ source: "a.md", locator: "a.md:3", quote: "42" }] }, false],
    ]);
    expect(chunks.map((chunk) => chunk.confidence)).toEqual([0.4, 0, 0.9]);
  });

  it("B.9 gives a final with the joined text to a generator that ends without one", async () => {
    const { client } = await serve({
      stream: async function* () {
        yield { text: "one " };
        yield { text: "two" };
      },
    });
    const { chunks } = await client.run(hello);
    expect(chunks).toHaveLength(3);
    expect(contentOf(chunks[2])).toEqual({ answer: "one two" });
    expect(chunks[2]?.more).toBe(false);
  });

  it("takes a final that is returned instead of yielded", async () => {
    const { client } = await serve({
      stream: async function* () {
        yield { text: "draft" };
        return { final: { answer: "done" } };
      },
    });
    const { chunks } = await client.run(hello);
    expect(chunks.map(contentOf)).toEqual([{ text: "draft" }, { answer: "done" }]);
  });

  it("B.3 fails a generator that ends without anything: no answer is not an empty answer", async () => {
    const { client } = await serve({ stream: async function* () {} });
    const { chunks, status: end } = await client.run(hello);
    expect(chunks).toEqual([]);
    expect(end.code).toBe(status.INTERNAL);
  });

  it("ignores what comes after the final, and ends the generator", async () => {
    const ended = deferred();
    const { client } = await serve({
      stream: async function* () {
        try {
          yield { final: { answer: "done" } };
          yield { text: "too late" };
        } finally {
          ended.resolve();
        }
      },
    });
    const { chunks } = await client.run(hello);
    expect(chunks.map(contentOf)).toEqual([{ answer: "done" }]);
    await ended.promise;
  });

  it("hands the request, its memory and the router's metadata to the author", async () => {
    const seen = deferred<[AdapterRequest, StreamCall]>();
    const { client } = await serve({
      stream: async function* (request, call) {
        seen.resolve([request, call]);
        yield { text: "ok" };
      },
    });
    const prompt = {
      messages: [{ role: "user", content: "why?" }],
      system: "Be brief.",
      choices: ["a", "b"],
      max_output_tokens: 50,
    };
    const metadata = { traceparent: "00-aa-bb-01", "atp-session": "hash", "atp-qos": "gold", "atp-attempt": "2" };
    await client.run(
      {
        streamId: "c9",
        promptJson: JSON.stringify(prompt),
        taskType: "qa",
        maxOutputTokens: 40n,
        sample: 3,
        contextJson: '{"note":1}',
      },
      { metadata },
    );
    const [request, call] = await seen.promise;
    expect(request).toMatchObject({
      streamId: "c9",
      taskType: "qa",
      question: "why?",
      promptText: "Be brief.\n\nwhy?",
      choices: ["a", "b"],
      sample: 3,
      maxOutputTokens: 40,
      context: { note: 1 },
    });
    expect(call).toMatchObject({ maxOutputTokens: 40, context: { note: 1 } });
    expect(call.metadata).toEqual({
      traceparent: "00-aa-bb-01",
      tracestate: undefined,
      session: "hash",
      qos: "gold",
      attempt: 2,
    });
  });

  it("B.8 tells the author within the same moment when the call is cancelled", async () => {
    const stopped = deferred();
    const { client } = await serve({ stream: endless(stopped.resolve) });
    const running = client.stream(hello);
    await running.first;
    const cancelledAt = performance.now();
    running.call.cancel();
    await stopped.promise;
    expect(performance.now() - cancelledAt).toBeLessThan(1_000);
    expect((await running.result).status.code).toBe(status.CANCELLED);
  });

  it("B.6 ends a call at its deadline with DEADLINE_EXCEEDED and stops the author", async () => {
    const stopped = deferred();
    const { client } = await serve({ stream: endless(stopped.resolve) });
    const { status: end } = await client.run(hello, { deadlineMs: 150 });
    expect(end.code).toBe(status.DEADLINE_EXCEEDED);
    await stopped.promise;
  });

  it("does not wait for an author who ignores the signal", async () => {
    const never = new Promise<never>(() => undefined);
    const { client, served } = await serve({
      stream: async function* () {
        yield { text: "first" };
        await never;
      },
    });
    const running = client.stream(hello);
    await running.first;
    running.call.cancel();
    expect((await running.result).status.code).toBe(status.CANCELLED);
    await served.close();
  });

  it("refuses more calls than maxParallel with RESOURCE_EXHAUSTED and a time to come back", async () => {
    const { client } = await serve({ maxParallel: 1, stream: endless(() => undefined) });
    const running = client.stream(hello);
    await running.first;
    expect((await client.health()).status).toBe(HealthResponse_Status.BUSY);
    const { status: end } = await client.run(hello);
    expect(end.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(end.metadata.get("grpc-retry-pushback-ms")).toEqual(["250"]);
    running.call.cancel();
    await running.result;
  });

  it("a request of 12 MiB passes, one of 17 MiB is refused", async () => {
    const { client } = await serve({
      stream: async function* (request) {
        yield { text: String(request.question.length) };
      },
    });
    const big = (mib: number) => ({
      streamId: "c1",
      promptJson: JSON.stringify({ prompt: "x".repeat(mib * 1_048_576) }),
    });
    expect(contentOf((await client.run(big(12))).chunks[0])).toEqual({ text: String(12 * 1_048_576) });
    expect((await client.run(big(17))).status.code).toBe(status.RESOURCE_EXHAUSTED);
  });
});

describe("errors (B.6)", () => {
  const secret = "sk-secret";
  it.each<[string, () => unknown, number, RegExp]>([
    ["unavailable", () => new AdapterError("unavailable", "down"), status.UNAVAILABLE, /^down$/],
    ["exhausted", () => new AdapterError("exhausted", "slow down"), status.RESOURCE_EXHAUSTED, /^slow down$/],
    ["aborted", () => new AdapterError("aborted", "cut"), status.ABORTED, /^cut$/],
    ["timeout", () => new AdapterError("timeout", "late"), status.DEADLINE_EXCEEDED, /^late$/],
    ["invalid", () => new AdapterError("invalid", "bad"), status.INVALID_ARGUMENT, /^bad$/],
    ["denied", () => new AdapterError("denied", "no"), status.PERMISSION_DENIED, /^no$/],
    ["unauthenticated", () => new AdapterError("unauthenticated", "key"), status.UNAUTHENTICATED, /^key$/],
    ["precondition", () => new AdapterError("precondition", "too long"), status.FAILED_PRECONDITION, /^too long$/],
    ["internal", () => new AdapterError("internal", "broken"), status.INTERNAL, /^broken$/],
    ["an AtpError", () => new AtpError("EOVERLOAD", "full"), status.UNAVAILABLE, /^full \(EOVERLOAD\)$/],
    [
      "a ConnectError of an upstream",
      () => new ConnectError("upstream busy", Code.ResourceExhausted),
      status.RESOURCE_EXHAUSTED,
      /^upstream busy$/,
    ],
    [
      "an upstream that cancelled by itself",
      () => new ConnectError("gone", Code.Canceled),
      status.UNAVAILABLE,
      /^gone$/,
    ],
    [
      "a refused connection",
      () => Object.assign(new Error(secret), { code: "ECONNREFUSED" }),
      status.UNAVAILABLE,
      /\(ECONNREFUSED\)$/,
    ],
    [
      "a fetch that failed",
      () => new TypeError("fetch failed", { cause: Object.assign(new Error(secret), { code: "ECONNRESET" }) }),
      status.UNAVAILABLE,
      /\(ECONNRESET\)$/,
    ],
    [
      "a TimeoutError",
      () => new DOMException("the operation timed out", "TimeoutError"),
      status.DEADLINE_EXCEEDED,
      /time limit/,
    ],
    ["any other error", () => new Error(secret), status.INTERNAL, /its log has the cause under/],
    ["something that is no error", () => secret, status.INTERNAL, /its log has the cause under/],
  ])("maps %s", async (_name, make, code, message) => {
    const logged: string[] = [];
    const log = {
      error: (text: string, fields?: object) => logged.push(JSON.stringify([text, fields])),
      warn: () => 0,
      info: () => 0,
      debug: () => 0,
    };
    const { client } = await serve(
      {
        stream: async function* () {
          yield { text: "begun" };
          throw make();
        },
      },
      { log },
    );
    const { chunks, status: end } = await client.run(hello);
    expect(chunks).toHaveLength(1);
    expect(end.code).toBe(code);
    expect(end.details).toMatch(message);
    expect(end.details).not.toContain(secret);
    expect(JSON.stringify(end.metadata.getMap())).not.toContain(secret);
    // What is hidden from the wire must be found in the log, under the id that the wire was given.
    if (/under/.test(message.source)) expect(logged[0]).toContain(end.details.split(" ").at(-1));
    else expect(logged).toEqual([]);
  });

  it("tells when to come back", async () => {
    const { client } = await serve({
      estimate: () => {
        throw new AdapterError("exhausted", "slow down", { retryAfterMs: 1_500.2 });
      },
    });
    const error = await client.estimate(hello).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: "slow down" });
    expect((error as { metadata: { get(key: string): string[] } }).metadata.get("grpc-retry-pushback-ms")).toEqual([
      "1501",
    ]);
  });

  it.each([
    ["not JSON", "{", "prompt_json is not JSON"],
    ["not an object", "[]", "prompt_json must be a JSON object"],
    ["no question", "{}", "needs `prompt` or `messages`"],
    ["a prompt that is no string", '{"prompt":1}', "prompt must be a string"],
    ["no messages", '{"messages":[]}', "messages must be a non-empty array"],
    ["a message without a role", '{"messages":[{}]}', "messages[0].role must be a string"],
    ["choices that are no strings", '{"prompt":"a","choices":[1]}', "choices must hold strings"],
    ["a negative limit", '{"prompt":"a","max_output_tokens":-1}', "max_output_tokens must be a non-negative integer"],
    ["a system that is no string", '{"prompt":"a","system":{}}', "system must be a string"],
  ])("B.7 refuses a request with %s as INVALID_ARGUMENT", async (_name, promptJson, message) => {
    const { client } = await serve({});
    const streamed = await client.run({ streamId: "c1", promptJson });
    expect(streamed.status).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(streamed.status.details).toContain(message);
    await expect(client.estimate({ streamId: "c1", promptJson })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    expect((await client.health()).errorRate).toBe(0);
  });

  it.each([
    ["NaN", { inTokens: Number.NaN, outTokens: 1 }, "estimate.inTokens"],
    ["a fraction", { inTokens: 1, outTokens: 1.5 }, "estimate.outTokens"],
    ["a negative", { inTokens: 1, outTokens: 1, usdMicros: -1 }, "estimate.usdMicros"],
    [
      "an infinite variance",
      { inTokens: 1, outTokens: 1, varianceUsd: Number.POSITIVE_INFINITY },
      "estimate.varianceUsd",
    ],
  ])("B.10 does not send an estimate with %s", async (_name, estimate, member) => {
    const logged: string[] = [];
    const log = {
      error: (_text: string, fields?: object) => logged.push(JSON.stringify(fields)),
      warn: () => 0,
      info: () => 0,
      debug: () => 0,
    };
    const { client } = await serve({ estimate: () => estimate }, { log });
    await expect(client.estimate(hello)).rejects.toMatchObject({ code: status.INTERNAL });
    expect(logged.join()).toContain(member);
  });
});

describe("Estimate", () => {
  it("sends every field", async () => {
    const { client } = await serve({
      estimate: async () => ({
        inTokens: 10,
        outTokens: 20,
        usdMicros: 30,
        p95Tokens: 40,
        p95UsdMicros: 50,
        varianceTokens: 6.5,
        varianceUsd: 7.5,
        confidence: 1.5,
        cancelsCleanly: true,
        assumptions: ["short"],
        toolCosts: { search: 1 },
        tokenEstimates: { prompt: 10 },
      }),
    });
    const { $typeName: _, ...estimate } = await client.estimate(hello);
    expect(estimate).toEqual({
      inTokens: 10n,
      outTokens: 20n,
      usdMicros: 30n,
      p95Tokens: 40n,
      p95UsdMicros: 50n,
      varianceTokens: 6.5,
      varianceUsd: 7.5,
      confidence: 1,
      cancelsCleanly: true,
      assumptions: ["short"],
      toolCostBreakdownJson: '{"search":1}',
      tokenEstimatesJson: '{"prompt":10}',
    });
  });

  it.each([
    ["no limit", {}, 256n, 2n + 1_024n, 514n],
    ["a limit below the usual answer", { max_output_tokens: 10 }, 10n, 12n, 22n],
    ["a closed answer set", { choices: ["yes", "certainly"] }, 3n, 5n, 8n],
  ])("quotes from lengths and prices by default: %s", async (_name, options, outTokens, p95Tokens, usdMicros) => {
    const { client } = await serve({});
    const estimate = await client.estimate({
      streamId: "c1",
      promptJson: JSON.stringify({ prompt: "hello!!", ...options }),
    });
    expect(estimate).toMatchObject({ inTokens: 2n, outTokens, p95Tokens, usdMicros, confidence: 0.5 });
  });
});

describe("Health", () => {
  it("tells what the adapter is", async () => {
    const { client } = await serve({
      model: "m-1",
      version: "2.0",
      tags: ["tools"],
      contextTokens: 8_192,
      maxParallel: 3,
    });
    expect(await client.health()).toMatchObject({
      status: HealthResponse_Status.READY,
      name: "test-adapter",
      model: "m-1",
      version: "2.0",
      tags: ["tools"],
      contextTokens: 8_192n,
      suggestedMaxParallel: 3,
      usdMicrosPerMtokIn: 1_000_000n,
      usdMicrosPerMtokOut: 2_000_000n,
      p95Ms: 0,
      errorRate: 0,
    });
  });

  it("measures time and failures of calls, but not the caller's own", async () => {
    let fail = false;
    const { client } = await serve({
      stream: async function* () {
        yield { text: "a" };
        if (fail) throw new AdapterError("unavailable", "down");
      },
    });
    for (let i = 0; i < 3; i += 1) await client.run(hello);
    fail = true;
    await client.run(hello);
    await client.run({ streamId: "c1", promptJson: "{" });
    const health = await client.health();
    expect(health.errorRate).toBe(0.25);
    expect(health.p95Ms).toBeGreaterThan(0);
    expect(health.p95Ms).toBeLessThan(5_000);
  });

  it.each([
    ["ready", () => ({}), HealthResponse_Status.READY, 0],
    ["busy", () => ({ status: "busy" as const }), HealthResponse_Status.BUSY, 250],
    [
      "pause",
      () => ({ status: "pause" as const, retryAfterMs: 700, suggestedMaxParallel: 1 }),
      HealthResponse_Status.PAUSE,
      700,
    ],
    [
      "a throw",
      () => {
        throw new Error("no key");
      },
      HealthResponse_Status.PAUSE,
      1_000,
    ],
  ])("passes on the author's word: %s", async (_name, health, expected, retryAfterMs) => {
    const { client } = await serve({ health });
    expect(await client.health()).toMatchObject({ status: expected, retryAfterMs });
  });
});

describe("drain", () => {
  it("part D: lets running calls finish, refuses new ones, then stops", async () => {
    const go = deferred();
    const { client, served } = await serve(
      {
        stream: async function* () {
          yield { text: "begun " };
          await go.promise;
          yield { text: "finished" };
        },
      },
      { drainMs: 10_000 },
    );
    const running = client.stream(hello);
    await running.first;
    const closed = served.close();
    expect((await client.health()).status).toBe(HealthResponse_Status.DRAINING);
    expect((await client.run(hello)).status).toMatchObject({
      code: status.UNAVAILABLE,
      details: "the adapter is shutting down",
    });
    await expect(client.estimate(hello)).rejects.toMatchObject({ code: status.UNAVAILABLE });
    go.resolve();
    const { chunks, status: end } = await running.result;
    expect(end.code).toBe(status.OK);
    expect(contentOf(chunks.at(-1))).toEqual({ answer: "begun finished" });
    await closed;
    expect((await client.run(hello, { deadlineMs: 2_000 })).status.code).not.toBe(status.OK);
  });

  it("ends calls that run longer than drainMs with UNAVAILABLE", async () => {
    const stopped = deferred();
    const { client, served } = await serve({ stream: endless(stopped.resolve) }, { drainMs: 30 });
    const running = client.stream(hello);
    await running.first;
    await served.close();
    expect((await running.result).status).toMatchObject({
      code: status.UNAVAILABLE,
      details: "the adapter has shut down",
    });
    await stopped.promise;
  });
});
