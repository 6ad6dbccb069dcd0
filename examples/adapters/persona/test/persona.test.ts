import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  type AdapterDefinition,
  AdapterError,
  type AdapterRequest,
  type CallMetadata,
  defineAdapter,
  serveAdapter,
} from "atp-adapter-kit";
import { AdapterService, HealthResponse_Status, type StreamChunk } from "atp-protocol/adapter";
import { describe, expect, it, onTestFinished } from "vitest";
import { adapterUpstream } from "../src/adapter-upstream.js";
import { chatUpstream } from "../src/chat-upstream.js";
import { createPersona } from "../src/persona.js";
import { parseRole, type Role } from "../src/role.js";
import type { Upstream } from "../src/upstream.js";

const role: Role = {
  name: "auditor",
  system: "You audit.",
  style: "Short.",
  query_terms: ["refuse"],
  required_sources: ["docs/errors.md"],
  overhead_usd_micros: 7,
};

async function serve(adapter: Parameters<typeof serveAdapter>[0]) {
  const served = await serveAdapter(adapter, { port: 0, handleSignals: false, drainMs: 0 });
  onTestFinished(() => served.close());
  return served.url;
}

/** A persona over an upstream, and a client of the persona. */
async function personaOver(upstream: Upstream, withRoleParts: Partial<Role> = {}) {
  const url = await serve(createPersona({ ...role, ...withRoleParts }, upstream, "persona_adapter"));
  return createClient(AdapterService, createGrpcTransport({ baseUrl: url }));
}

/** A persona over a real adapter with this definition. */
async function personaOverAdapter(definition: Partial<AdapterDefinition>, withRoleParts: Partial<Role> = {}) {
  const prices = { inUsdMicrosPerMtok: 0, outUsdMicrosPerMtok: 1_000_000 };
  const stream: AdapterDefinition["stream"] = async function* () {
    yield { text: "ok" };
  };
  const upstreamUrl = await serve(defineAdapter({ name: "upstream", prices, stream, ...definition }));
  return personaOver(adapterUpstream(upstreamUrl), withRoleParts);
}

async function collect(chunks: AsyncIterable<StreamChunk>): Promise<StreamChunk[]> {
  const all: StreamChunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

const content = (chunk: StreamChunk | undefined) => JSON.parse(chunk?.contentJson ?? "null") as Record<string, unknown>;
const hello = { streamId: "c1", promptJson: JSON.stringify({ prompt: "who pays?", system: "Be kind.", extra: 1 }) };

describe("a persona over an adapter", () => {
  it("puts the role into the request and hands everything else on", async () => {
    const seen: [AdapterRequest, CallMetadata][] = [];
    const client = await personaOverAdapter({
      stream: async function* (request, { metadata }) {
        seen.push([request, metadata]);
        yield { text: "ok" };
      },
    });
    const headers = { traceparent: "00-aa-bb-01", "atp-session": "h", "atp-qos": "gold", "atp-attempt": "2" };
    await collect(
      client.stream({ ...hello, taskType: "qa", maxOutputTokens: 40n, contextJson: '{"k":1}', sample: 3 }, { headers }),
    );
    const [request, metadata] = seen[0] ?? [];
    expect(request?.content).toEqual({
      prompt: "who pays?",
      extra: 1,
      system: "You audit.\n\nStyle: Short.\n\nBe kind.",
      role: "auditor",
      query_terms: ["refuse"],
      required_sources: ["docs/errors.md"],
      max_output_tokens: 40,
    });
    expect(request).toMatchObject({
      streamId: "c1",
      taskType: "qa",
      question: "who pays?",
      maxOutputTokens: 40,
      context: { k: 1 },
      sample: 3,
    });
    expect(metadata).toMatchObject({ traceparent: "00-aa-bb-01", session: "h", qos: "gold", attempt: 2 });
  });

  it("passes partials and the final on as they come, its overhead first", async () => {
    const client = await personaOverAdapter({
      stream: async function* () {
        yield { text: "one ", confidence: 0.4, usage: { inTokens: 5, outTokens: 2, usdMicros: 30 }, note: "n" };
        yield { text: "two", usage: { outTokens: 1, usdMicros: 3 } };
        yield {
          final: { evidence: [{ source: "a", locator: "a:1", quote: "q" }] },
          confidence: 0.8,
          usage: { usdMicros: 1 },
        };
      },
    });
    const chunks = await collect(client.stream(hello));
    expect(chunks.map(content)).toEqual([
      {},
      { text: "one ", note: "n" },
      { text: "two" },
      { evidence: [{ source: "a", locator: "a:1", quote: "q" }] },
    ]);
    expect(chunks.map((c) => [c.partialInTokens, c.partialOutTokens, c.partialUsdMicros])).toEqual([
      [0n, 0n, 7n],
      [5n, 2n, 30n],
      [0n, 1n, 3n],
      [0n, 0n, 1n],
    ]);
    expect(chunks.map((c) => c.confidence)).toEqual([0, 0.4, 0, 0.8]);
    expect(chunks.at(-1)?.more).toBe(false);
  });

  it("quotes the upstream's estimate plus its overhead", async () => {
    const estimate = {
      inTokens: 3,
      outTokens: 4,
      usdMicros: 50,
      p95Tokens: 9,
      p95UsdMicros: 80,
      varianceTokens: 2,
      varianceUsd: 3,
      confidence: 0.5,
      cancelsCleanly: true,
      assumptions: ["a"],
    };
    const client = await personaOverAdapter({ estimate: () => estimate });
    expect(await client.estimate(hello)).toMatchObject({
      inTokens: 3n,
      outTokens: 4n,
      usdMicros: 57n,
      p95Tokens: 9n,
      p95UsdMicros: 87n,
      varianceTokens: 2,
      varianceUsd: 3,
      confidence: 0.5,
      cancelsCleanly: true,
      assumptions: ["a", "the role auditor adds 7 micro-dollars"],
    });
  });

  it("leaves a 95th percentile that was not told untold", async () => {
    const client = await personaOverAdapter({ estimate: () => ({ inTokens: 1, outTokens: 1, usdMicros: 2 }) });
    expect(await client.estimate(hello)).toMatchObject({ usdMicros: 9n, p95UsdMicros: 0n });
  });

  it("without overhead begins with the upstream's first part", async () => {
    const client = await personaOverAdapter({}, { overhead_usd_micros: 0 });
    expect((await collect(client.stream(hello))).map(content)).toEqual([{ text: "ok" }, { answer: "ok" }]);
  });

  it("B.8 a cancel reaches the upstream's author", async () => {
    let stop: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const client = await personaOverAdapter({
      stream: async function* (_request, { signal }) {
        signal.addEventListener("abort", () => stop(), { once: true });
        yield { text: "first" };
        await stopped;
      },
    });
    const cancel = new AbortController();
    const reading = (async () => {
      for await (const chunk of client.stream(hello, { signal: cancel.signal })) {
        if (content(chunk)["text"] === "first") cancel.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: Code.Canceled });
    await stopped;
  });

  it.each<[string, () => AdapterError, Code]>([
    ["unavailable", () => new AdapterError("unavailable", "down"), Code.Unavailable],
    ["exhausted", () => new AdapterError("exhausted", "slow", { retryAfterMs: 900 }), Code.ResourceExhausted],
    ["invalid", () => new AdapterError("invalid", "bad"), Code.InvalidArgument],
  ])("relays the upstream's %s with its message and its time to come back", async (_name, make, code) => {
    const client = await personaOverAdapter({
      stream: async function* () {
        yield { text: "begun" };
        throw make();
      },
    });
    const failed = (await collect(client.stream(hello)).catch((thrown: unknown) => thrown)) as {
      code: Code;
      rawMessage: string;
      metadata: Headers;
    };
    expect(failed).toMatchObject({ code, rawMessage: make().message });
    expect(failed.metadata.get("grpc-retry-pushback-ms")).toBe(make().retryAfterMs === undefined ? null : "900");
  });

  it("is unavailable when its upstream cannot be reached, and says so in Health", async () => {
    const client = await personaOver(adapterUpstream("http://127.0.0.1:9"));
    await expect(collect(client.stream(hello))).rejects.toMatchObject({ code: Code.Unavailable });
    await expect(client.estimate(hello)).rejects.toMatchObject({ code: Code.Unavailable });
    expect((await client.health({})).status).toBe(HealthResponse_Status.PAUSE);
  });

  it("is as healthy as its upstream", async () => {
    const client = await personaOverAdapter({
      health: () => ({ status: "busy", retryAfterMs: 400, suggestedMaxParallel: 2 }),
    });
    expect(await client.health({})).toMatchObject({
      name: "persona_adapter",
      status: HealthResponse_Status.BUSY,
      retryAfterMs: 400,
      suggestedMaxParallel: 2,
      tags: ["qa", "persona", "auditor"],
    });
  });

  it("B.3 takes no text without a final for an answer", async () => {
    const cut: Upstream = {
      prices: undefined,
      estimate: async () => ({ inTokens: 0, outTokens: 0 }),
      health: async () => ({}),
      stream: adapterUpstreamWithoutFinal,
    };
    const client = await personaOver(cut);
    await expect(collect(client.stream(hello))).rejects.toMatchObject({ code: Code.Aborted });
  });
});

/** What `adapterUpstream` does with a server that ends in the middle: the kit itself never serves such a stream. */
const adapterUpstreamWithoutFinal: Upstream["stream"] = async function* () {
  yield { text: "half" };
  throw new AdapterError("aborted", "the upstream ended without a final");
};

describe("a persona over an OpenAI-compatible URL", () => {
  it("speaks as its role, and bills the model's tokens and its own overhead", async () => {
    const asked: { model: string; messages: unknown }[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        asked.push(JSON.parse(body) as { model: string; messages: unknown });
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"choices":[{"delta":{"content":"You do."},"finish_reason":"stop"}]}\n\n');
        response.end('data: {"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":50}}\n\ndata: [DONE]\n\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const baseUrl = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1`;
    const prices = { inUsdMicrosPerMtok: 1_000_000, outUsdMicrosPerMtok: 2_000_000 };
    const client = await personaOver(chatUpstream({ baseUrl, model: "m" }, prices));
    const chunks = await collect(client.stream(hello));
    expect(asked).toMatchObject([
      {
        model: "m",
        messages: [
          { role: "system", content: "You audit.\n\nStyle: Short.\n\nBe kind." },
          { role: "user", content: "who pays?" },
        ],
      },
    ]);
    expect(chunks.map((chunk) => content(chunk)["text"]).join("")).toBe("You do.");
    const sum = (pick: (chunk: StreamChunk) => bigint) => chunks.reduce((total, chunk) => total + pick(chunk), 0n);
    expect([sum((c) => c.partialInTokens), sum((c) => c.partialOutTokens), sum((c) => c.partialUsdMicros)]).toEqual([
      100n,
      50n,
      207n,
    ]);
    expect((await client.estimate(hello)).usdMicros).toBeGreaterThan(7n);
  });
});

describe("parseRole", () => {
  it("reads the shipped shape, with defaults", () => {
    expect(parseRole("name: a\nsystem: s\n")).toEqual({
      name: "a",
      system: "s",
      query_terms: [],
      required_sources: [],
      overhead_usd_micros: 0,
    });
  });

  it.each([
    ["no YAML", "a: [", /^ROLE_FILE is not YAML/],
    ["nothing", "", /^ROLE_FILE: /],
    ["no name", "system: s", /^ROLE_FILE: name: /],
    ["an empty system", "name: a\nsystem: ' '", /^ROLE_FILE: system: /],
    ["a member it does not know", "name: a\nsystem: s\nqueries: []", /queries/],
    ["terms that are no texts", "name: a\nsystem: s\nquery_terms: [1]", /^ROLE_FILE: query_terms.0: /],
    ["a negative overhead", "name: a\nsystem: s\noverhead_usd_micros: -1", /^ROLE_FILE: overhead_usd_micros: /],
  ])("refuses %s, naming it", (_name, yaml, message) => {
    expect(() => parseRole(yaml)).toThrow(message);
  });
});
