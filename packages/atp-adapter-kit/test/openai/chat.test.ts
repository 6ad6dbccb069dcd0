import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { chatParts } from "../../src/openai/index.js";
import { contentOf, type StreamResult } from "../support/grpc-client.js";
import { deferred, serve } from "../support/served.js";

interface Seen {
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

type Script = (response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

const apiKey = "sk-very-secret";

/** An OpenAI-compatible server on loopback that answers as its script says, and an adapter over it. */
async function provider(script: Script) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
      seen.push({ url: request.url, authorization: request.headers.authorization, body });
      void script(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = {
    baseUrl: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1`,
    apiKey,
    model: "m-1",
  };
  const { client } = await serve({ stream: (request, call) => chatParts(endpoint, request, call) });
  const ask = (content: object, more: object = {}): Promise<StreamResult> =>
    client.run({ streamId: "c1", promptJson: JSON.stringify(content), ...more });
  return { client, ask, seen };
}

const event = (data: unknown) => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
const delta = (content: string, finish: string | null = null) =>
  event({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] });
const usage = (prompt: number, completion: number) =>
  event({ choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion } });
const sse = { "content-type": "text/event-stream" };
const stream =
  (...events: string[]): Script =>
  (response) => {
    response.writeHead(200, sse);
    response.end(events.join(""));
  };
const total = (result: StreamResult, pick: (chunk: StreamResult["chunks"][number]) => bigint) =>
  result.chunks.reduce((sum, chunk) => sum + Number(pick(chunk)), 0);

describe("chatParts", () => {
  it("streams deltas and ends with the server's own usage", async () => {
    const { ask } = await provider(
      stream(delta("Hel"), delta("lo", null), delta("", "stop"), usage(11, 7), event("[DONE]")),
    );
    const result = await ask({ prompt: "hi" });
    expect(result.status.code).toBe(status.OK);
    expect(result.chunks.map((chunk) => contentOf(chunk)["text"])).toEqual(["Hel", "lo", undefined]);
    expect(result.chunks.at(-1)).toMatchObject({ more: false, confidence: 0.6 });
    expect(contentOf(result.chunks.at(-1))).toEqual({});
    expect(total(result, (c) => c.partialInTokens)).toBe(11);
    expect(total(result, (c) => c.partialOutTokens)).toBe(7);
    // 11 tokens at 1 and 7 at 2 micro-dollars each.
    expect(total(result, (c) => c.partialUsdMicros)).toBe(25);
  });

  it("bills long answers exactly too: what is told early never passes what the server counts", async () => {
    const long = Array.from({ length: 50 }, () => delta("sixteen letters. "));
    const { ask } = await provider(stream(...long, delta("", "stop"), usage(3, 180), event("[DONE]")));
    const result = await ask({ prompt: "hi" });
    expect(total(result, (c) => c.partialOutTokens)).toBe(180);
    expect(Number(result.chunks[40]?.partialOutTokens)).toBeGreaterThan(0);
  });

  it("estimates when the server tells no usage", async () => {
    const { ask } = await provider(stream(delta("12345678"), delta("", "stop"), event("[DONE]")));
    const result = await ask({ prompt: "12345" });
    expect(total(result, (c) => c.partialInTokens)).toBe(2);
    expect(total(result, (c) => c.partialOutTokens)).toBe(2);
  });

  it("sends the request in the API's words", async () => {
    const { ask, seen } = await provider(stream(delta("ok", "stop"), event("[DONE]")));
    const messages = [{ role: "user", content: [{ type: "text", text: "hi" }] }];
    const tools = [{ type: "function", function: { name: "f" } }];
    await ask(
      {
        messages,
        system: "Be brief.",
        temperature: 0.2,
        stop: ["END"],
        tools,
        tool_choice: "auto",
        response_format: { type: "json_object" },
        choices: ["ok", "no"],
      },
      { maxOutputTokens: 33n, contextJson: '{"note":"n"}', sample: 2 },
    );
    expect(seen).toEqual([
      {
        url: "/v1/chat/completions",
        authorization: `Bearer ${apiKey}`,
        body: {
          model: "m-1",
          stream: true,
          stream_options: { include_usage: true },
          messages: [
            { role: "system", content: "Be brief." },
            { role: "system", content: 'Known from memory:\n{"note":"n"}' },
            { role: "system", content: 'Answer with exactly one of these, word for word: ["ok","no"]' },
            ...messages,
          ],
          max_tokens: 33,
          temperature: 0.2,
          stop: ["END"],
          tools,
          tool_choice: "auto",
          response_format: { type: "json_object" },
          seed: 2,
        },
      },
    ]);
  });

  it("finds the choice behind quotes, case and full stop", async () => {
    const { ask } = await provider(stream(delta('"Yes."', "stop"), event("[DONE]")));
    expect(contentOf((await ask({ prompt: "q", choices: ["no", "yes"] })).chunks.at(-1))).toEqual({ answer: "yes" });
  });

  it("joins tool calls from their pieces", async () => {
    const piece = (index: number, more: object) =>
      event({ choices: [{ delta: { tool_calls: [{ index, ...more }] } }] });
    const { ask } = await provider(
      stream(
        piece(0, { id: "a", function: { name: "find", arguments: '{"q":' } }),
        piece(1, { id: "b", function: { name: "open", arguments: "{}" } }),
        piece(0, { function: { arguments: '"x"}' } }),
        delta("", "tool_calls"),
        event("[DONE]"),
      ),
    );
    expect(contentOf((await ask({ prompt: "q" })).chunks.at(-1))).toEqual({
      finish_reason: "tool_calls",
      tool_calls: [
        { id: "a", type: "function", function: { name: "find", arguments: '{"q":"x"}' } },
        { id: "b", type: "function", function: { name: "open", arguments: "{}" } },
      ],
    });
  });

  it("says that an answer was cut by its length, at half the confidence", async () => {
    const { ask } = await provider(stream(delta("half an", "length"), event("[DONE]")));
    const last = (await ask({ prompt: "q" })).chunks.at(-1);
    expect(contentOf(last)).toEqual({ finish_reason: "length" });
    expect(last?.confidence).toBe(0.3);
  });

  it("takes a whole answer of a server that does not stream", async () => {
    const { ask } = await provider((response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const choices = [{ message: { role: "assistant", content: "whole" }, finish_reason: "stop" }];
      response.end(JSON.stringify({ choices, usage: { prompt_tokens: 5, completion_tokens: 6 } }));
    });
    const result = await ask({ prompt: "q" });
    expect(contentOf(result.chunks[0])).toEqual({ text: "whole" });
    expect(total(result, (c) => c.partialOutTokens)).toBe(6);
  });

  it("takes an end without [DONE] when the answer had its finish_reason", async () => {
    const { ask } = await provider(stream(delta("all", "stop")));
    expect((await ask({ prompt: "q" })).status.code).toBe(status.OK);
  });
});

describe("chatParts, when it goes wrong", () => {
  it.each<[string, Script, number, RegExp]>([
    ["a stream that ends early", stream(delta("half")), status.UNAVAILABLE, /cut before its end/],
    [
      "a stream that ends inside an event",
      stream(delta("half"), 'data: {"choices":[{"delta":{"con'),
      status.UNAVAILABLE,
      /cut before its end/,
    ],
    [
      "a connection that breaks",
      (response) => {
        response.writeHead(200, sse);
        response.write(delta("half"), () => response.destroy());
      },
      status.UNAVAILABLE,
      /cannot be reached|cut/,
    ],
    ["an empty body", stream(), status.UNAVAILABLE, /cut before its end/],
    ["rubbish in an event", stream(delta("half"), "data: {oops\n\n"), status.UNAVAILABLE, /not JSON/],
    [
      "an error inside the stream",
      stream(delta("half"), event({ error: { message: `bad ${apiKey}`, type: "server_error" } })),
      status.UNAVAILABLE,
      /bad \*\*\*/,
    ],
    [
      "a rate limit inside the stream",
      stream(event({ error: { message: "slow", type: "rate_limit_error" } })),
      status.RESOURCE_EXHAUSTED,
      /slow/,
    ],
    [
      "the content filter",
      stream(delta("some", "content_filter"), event("[DONE]")),
      status.PERMISSION_DENIED,
      /content filter/,
    ],
  ])("%s is an error, never an answer", async (_name, script, code, message) => {
    const { ask } = await provider(script);
    const result = await ask({ prompt: "q" });
    expect(result.status.code).toBe(code);
    expect(result.status.details).toMatch(message);
    expect(result.chunks.every((chunk) => chunk.more)).toBe(true);
  });

  it.each<[number, Record<string, string>, number, string[]]>([
    [400, {}, status.INVALID_ARGUMENT, []],
    [404, {}, status.INVALID_ARGUMENT, []],
    [422, {}, status.INVALID_ARGUMENT, []],
    [401, {}, status.UNAUTHENTICATED, []],
    [403, {}, status.PERMISSION_DENIED, []],
    [408, {}, status.UNAVAILABLE, []],
    [429, { "retry-after": "2" }, status.RESOURCE_EXHAUSTED, ["2000"]],
    [429, { "retry-after-ms": "150" }, status.RESOURCE_EXHAUSTED, ["150"]],
    [429, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, status.RESOURCE_EXHAUSTED, ["0"]],
    [429, { "retry-after": "soon" }, status.RESOURCE_EXHAUSTED, []],
    [500, {}, status.UNAVAILABLE, []],
    [502, {}, status.UNAVAILABLE, []],
    [503, { "retry-after": "1" }, status.UNAVAILABLE, ["1000"]],
    [504, {}, status.DEADLINE_EXCEEDED, []],
    [529, {}, status.UNAVAILABLE, []],
  ])("HTTP %i with %j", async (http, headers, code, pushback) => {
    const { ask } = await provider((response) => {
      response.writeHead(http, headers);
      response.end(JSON.stringify({ error: { message: `key ${apiKey} refused` } }));
    });
    const { status: end } = await ask({ prompt: "q" });
    expect(end.code).toBe(code);
    expect(end.details).toContain(String(http));
    expect(end.details).not.toContain(apiKey);
    expect(end.metadata.get("grpc-retry-pushback-ms")).toEqual(pushback);
  });

  it("says why a request was refused, in the provider's words", async () => {
    const { ask } = await provider((response) => {
      response.writeHead(400);
      response.end(JSON.stringify({ error: { message: "context length is 4096" } }));
    });
    expect((await ask({ prompt: "q" })).status.details).toContain("context length is 4096");
  });

  it("does not follow a redirect with the question and the key", async () => {
    const { ask, seen } = await provider((response) => {
      response.writeHead(307, { location: "/elsewhere" });
      response.end();
    });
    expect((await ask({ prompt: "q" })).status.code).not.toBe(status.OK);
    expect(seen).toHaveLength(1);
  });

  it("B.8 stops the provider call when the router cancels", async () => {
    const closed = deferred();
    const { client } = await provider((response, request) => {
      response.writeHead(200, sse);
      response.write(delta("first"));
      request.socket.once("close", () => closed.resolve());
    });
    const running = client.stream({ streamId: "c1", promptJson: '{"prompt":"q"}' });
    await running.first;
    running.call.cancel();
    await closed.promise;
    expect((await running.result).status.code).toBe(status.CANCELLED);
  });
});
