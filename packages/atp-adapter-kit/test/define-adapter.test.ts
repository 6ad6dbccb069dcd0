import { describe, expect, it } from "vitest";
import { type AdapterDefinition, type AdapterRequest, defineAdapter } from "../src/index.js";
import { CallStats } from "../src/call-stats.js";
import { parseRequest } from "../src/request.js";
import { definition } from "./support/served.js";

describe("defineAdapter", () => {
  it.each<[string, Partial<Record<keyof AdapterDefinition, unknown>>, RegExp]>([
    ["an empty name", { name: "" }, /name must be/],
    ["a name with a space", { name: "a b" }, /name must be/],
    ["a name of 129", { name: "a".repeat(129) }, /name must be/],
    ["no stream", { stream: undefined }, /stream must be a function/],
    ["a stream that is no function", { stream: "x" }, /stream must be a function/],
    ["neither estimate nor prices", { prices: undefined }, /give estimate, or prices/],
    [
      "a fractional price",
      { prices: { inUsdMicrosPerMtok: 0.5, outUsdMicrosPerMtok: 1 } },
      /prices.inUsdMicrosPerMtok/,
    ],
    ["a negative price", { prices: { inUsdMicrosPerMtok: 1, outUsdMicrosPerMtok: -1 } }, /prices.outUsdMicrosPerMtok/],
    ["no room", { maxParallel: 0 }, /maxParallel/],
    ["a negative context", { contextTokens: -1 }, /contextTokens/],
    ["tags that are no strings", { tags: [1] }, /tags/],
  ])("refuses %s", (_name, parts, message) => {
    expect(() => defineAdapter({ ...definition({}), ...parts } as AdapterDefinition)).toThrow(message);
  });

  it("freezes what it gives, and copies what it took", () => {
    const tags = ["a"];
    const adapter = defineAdapter(definition({ tags }));
    tags.push("b");
    expect(adapter.tags).toEqual(["a"]);
    expect(Object.isFrozen(adapter) && Object.isFrozen(adapter.tags) && Object.isFrozen(adapter.prices)).toBe(true);
  });

  it("keeps `this` of a definition with methods", async () => {
    class Own implements AdapterDefinition {
      readonly name = "own";
      readonly prices = { inUsdMicrosPerMtok: 0, outUsdMicrosPerMtok: 0 };
      private readonly word = "mine";
      async *stream() {
        yield { text: this.word };
      }
    }
    const adapter = defineAdapter(new Own());
    const parts: unknown[] = [];
    const call = {
      signal: new AbortController().signal,
      metadata: {} as never,
      maxOutputTokens: undefined,
      context: {},
    };
    for await (const part of adapter.stream({} as AdapterRequest, call)) parts.push(part);
    expect(parts).toEqual([{ text: "mine" }]);
  });
});

describe("parseRequest (B.7)", () => {
  const parse = (content: unknown, maxOutputTokens = 0n) =>
    parseRequest({ streamId: "c", taskType: "", promptJson: JSON.stringify(content), maxOutputTokens });

  it.each<[string, unknown, string, string]>([
    ["a prompt", { prompt: "why?" }, "why?", "why?"],
    ["a system text", { prompt: "why?", system: "Be brief." }, "why?", "Be brief.\n\nwhy?"],
    [
      "turns",
      {
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: "b" },
          { role: "user", content: "c" },
        ],
      },
      "c",
      "user: a\n\nassistant: b\n\nuser: c",
    ],
    [
      "parts",
      {
        messages: [
          { role: "user", content: [{ type: "text", text: "a" }, { type: "image_url" }, { type: "text", text: "b" }] },
        ],
      },
      "a\nb",
      "a\nb",
    ],
    [
      "a turn with tool calls only",
      {
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: null },
        ],
      },
      "a",
      "user: a\n\nassistant: ",
    ],
  ])("reads %s", (_name, content, question, promptText) => {
    expect(parse(content)).toMatchObject({ question, promptText });
  });

  it.each([
    ["the field", { max_output_tokens: 9 }, 5n, 5],
    ["the content when the field is 0", { max_output_tokens: 9 }, 0n, 9],
    ["nothing", {}, 0n, undefined],
    ["an absurd field", {}, 2n ** 64n - 1n, Number.MAX_SAFE_INTEGER],
  ])("takes the limit from %s", (_name, options, field, limit) => {
    expect(parse({ prompt: "a", ...options }, field).maxOutputTokens).toBe(limit);
  });

  it("hands on members it does not know", () => {
    expect(parse({ prompt: "a", role: "auditor" }).content["role"]).toBe("auditor");
  });
});

describe("CallStats", () => {
  it("has no figures without calls", () => {
    expect(new CallStats().read(0)).toEqual({ p95Ms: 0, errorRate: 0 });
  });

  it("takes the 95th percentile of calls that succeeded, by nearest rank", () => {
    const stats = new CallStats();
    for (let ms = 1; ms <= 20; ms += 1) stats.record(0, ms, false);
    stats.record(0, 9_999, true);
    expect(stats.read(0)).toEqual({ p95Ms: 19, errorRate: 1 / 21 });
  });

  it("forgets calls older than five minutes, and all but the last 256", () => {
    const stats = new CallStats();
    stats.record(0, 10, true);
    stats.record(1, 20, false);
    expect(stats.read(300_001)).toEqual({ p95Ms: 20, errorRate: 0 });
    for (let i = 0; i < 256; i += 1) stats.record(300_002, 5, false);
    expect(stats.read(300_003)).toEqual({ p95Ms: 5, errorRate: 0 });
  });
});
