import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { AdapterRequest, StreamPart } from "atp-adapter-kit";
import { expect, it, onTestFinished } from "vitest";
import { readOpenAiConfig } from "../src/config.js";
import { createOpenAiAdapter } from "../src/openai-adapter.js";

it("asks the configured server and model, and passes its answer on", async () => {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      asked.push([request.url, request.headers.authorization, (JSON.parse(body) as { model: string }).model]);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end('data: {"choices":[{"delta":{"content":"four"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1/`;
  const adapter = createOpenAiAdapter(
    readOpenAiConfig({ OPENAI_BASE_URL: url, OPENAI_API_KEY: "k", OPENAI_MODEL: "m-7" }),
  );
  const request = {
    question: "2+2?",
    promptText: "2+2?",
    stop: [],
    tools: [],
    choices: [],
    context: {},
    content: {},
    sample: 0,
  } as unknown as AdapterRequest;
  const call = { signal: new AbortController().signal, metadata: {} as never, maxOutputTokens: undefined, context: {} };
  const parts: StreamPart[] = [];
  for await (const part of adapter.stream(request, call)) parts.push(part);
  expect(asked).toEqual([["/v1/chat/completions", "Bearer k", "m-7"]]);
  expect(parts[0]?.text).toBe("four");
  expect(parts.at(-1)).toMatchObject({ final: {}, confidence: 0.6 });
});
