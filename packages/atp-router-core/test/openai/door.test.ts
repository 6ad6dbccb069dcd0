import OpenAI, {
  APIConnectionError,
  APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { describe, expect, it, onTestFinished } from "vitest";
import { createKey, keyIdentity, listen } from "../../src/node/index.js";
import { createRouter, systemClock } from "../../src/runtime/index.js";
import type { RouterConfig } from "../../src/runtime/index.js";
import { scriptedAdapter } from "../../src/testing/index.js";
import type { AdapterScript, ScriptedAdapter } from "../../src/testing/index.js";

const usage = (outTokens: number) => ({ inTokens: 5, outTokens, usdMicros: outTokens });

/** Says its words one by one. */
function speaker(id: string, words: readonly string[], more: Partial<AdapterScript> = {}): AdapterScript {
  return {
    id,
    answer: [
      ...words.map((text) => ({ afterMs: 1, text, usage: { inTokens: 0, outTokens: 1, usdMicros: 1 } })),
      { final: { usage: { inTokens: 5, outTokens: 0, usdMicros: 0 } } },
    ],
    ...more,
  };
}

async function door(scripts: readonly AdapterScript[], more: Partial<RouterConfig> = {}) {
  const clock = systemClock();
  const adapters = new Map<string, ScriptedAdapter>(
    scripts.map((script) => [script.id, scriptedAdapter(clock, script)]),
  );
  const router = createRouter({ adapters: [...adapters.values()], ...more });
  const listener = await listen(router, { port: 0 });
  onTestFinished(async () => {
    await router.close();
    await listener.close();
  });
  const client = (apiKey = "none", options: object = {}) =>
    new OpenAI({ baseURL: `${listener.url}/v1`, apiKey, maxRetries: 0, ...options });
  return { client: client(), clientOf: client, url: listener.url, adapters, router };
}

const question = { messages: [{ role: "user" as const, content: "hello" }] };

describe("OpenAI's own client", () => {
  it("C1: gets an answer, its usage, and ATP's words about it", async () => {
    const { client } = await door([speaker("small", ["Hi", " there"])]);
    const answer = await client.chat.completions.create({ model: "atp/auto", ...question });
    expect(answer).toMatchObject({
      object: "chat.completion",
      model: "atp/auto",
      choices: [{ index: 0, message: { role: "assistant", content: "Hi there" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
      atp: { adapter: "small", telemetry: { usd: 2 } },
    });
  });

  it("C1: streams: the deltas joined are exactly the answer, and the usage comes when it is asked for", async () => {
    const { client } = await door([speaker("small", ["Hi", " there", " you"])]);
    const stream = await client.chat.completions.create({
      model: "atp/small",
      stream: true,
      stream_options: { include_usage: true },
      ...question,
    });
    const pieces: string[] = [];
    let finish: string | null = null;
    let tokens = 0;
    for await (const piece of stream) {
      const text = piece.choices[0]?.delta.content;
      if (text !== undefined && text !== null && text !== "") pieces.push(text);
      finish = piece.choices[0]?.finish_reason ?? finish;
      tokens = piece.usage?.total_tokens ?? tokens;
    }
    // As it came: the plan has one call, so nothing of it could change.
    expect(pieces).toEqual(["Hi", " there", " you"]);
    expect(finish).toBe("stop");
    expect(tokens).toBe(8);
  });

  it("C1: holds text back while a strategy may still change it, and sends it as provisional where that is asked", async () => {
    const scripts = [speaker("a", ["no"]), speaker("b", ["yes"]), speaker("c", ["yes"])];
    const { client } = await door(scripts);
    for (const provisional of [false, true]) {
      const stream = await client.chat.completions.create({
        model: "atp/fanout",
        stream: true,
        ...question,
        ...({ atp: { provisional } } as object),
      });
      const pieces: string[] = [];
      let aside = 0;
      for await (const piece of stream) {
        const text = piece.choices[0]?.delta.content;
        if (text !== undefined && text !== null && text !== "") pieces.push(text);
        if ((piece as { atp?: { provisional?: unknown } }).atp?.provisional !== undefined) aside++;
      }
      expect(pieces).toEqual(["yes"]);
      expect(aside > 0).toBe(provisional);
    }
  });

  it("asks one adapter alone by its name, in the lane and window of the atp object", async () => {
    const { client, adapters } = await door([speaker("small", ["s"]), speaker("large", ["l"])]);
    const answer = await client.chat.completions.create({
      model: "atp/large",
      ...question,
      max_completion_tokens: 77,
      stop: "END",
      seed: 7,
      temperature: 0.5,
      ...({ atp: { qos: "gold", window: { max_usd_micros: 5_000 } } } as object),
    });
    expect(answer.choices[0]?.message.content).toBe("l");
    expect(adapters.get("small")?.calls).toHaveLength(0);
    const [call] = adapters.get("large")?.calls ?? [];
    expect(call?.qos).toBe("gold");
    expect(JSON.parse(call?.promptJson ?? "")).toMatchObject({
      messages: question.messages,
      stop: ["END"],
      seed: 7,
      temperature: 0.5,
    });
  });

  it("passes tools through, and gives back the calls that the model asks for", async () => {
    const tool_calls = [
      { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } },
    ];
    const { client, adapters } = await door([
      { id: "small", answer: [{ final: { answer: "", usage: usage(3), extra: { tool_calls } } }] },
    ]);
    const tools = [{ type: "function" as const, function: { name: "weather", parameters: {} } }];
    const answer = await client.chat.completions.create({ model: "atp/small", ...question, tools });
    expect(JSON.parse(adapters.get("small")?.calls[0]?.promptJson ?? "")).toMatchObject({ tools });
    expect(answer.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { content: null, tool_calls },
    });
  });

  it("passes on what shapes the answer: response_format, stop, seed, temperature and the clip", async () => {
    const { client, adapters } = await door([speaker("small", ["x"])]);
    await client.chat.completions.create({
      model: "atp/small",
      ...question,
      response_format: { type: "json_object" },
      stop: ["END"],
      seed: 7,
      temperature: 0.25,
      max_completion_tokens: 12,
    });
    expect(JSON.parse(adapters.get("small")?.calls[0]?.promptJson ?? "")).toMatchObject({
      response_format: { type: "json_object" },
      stop: ["END"],
      seed: 7,
      temperature: 0.25,
      max_output_tokens: 12,
    });
  });

  it("streams n answers at once, each by its index and each exactly", async () => {
    const { client } = await door([speaker("small", ["Hi", " you"])]);
    const texts = ["", ""];
    for await (const { choices } of await client.chat.completions.create({
      model: "atp/small",
      stream: true,
      n: 2,
      ...question,
    }))
      for (const { index, delta } of choices) texts[index] += delta.content ?? "";
    expect(texts).toEqual(["Hi you", "Hi you"]);
  });

  it("gets n answers, each a stream of its own, billed together", async () => {
    const { client, adapters } = await door([speaker("small", ["x"])]);
    const answer = await client.chat.completions.create({ model: "atp/small", ...question, n: 3 });
    expect(answer.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, "x"],
      [1, "x"],
      [2, "x"],
    ]);
    expect(answer.usage?.completion_tokens).toBe(3);
    expect(adapters.get("small")?.calls).toHaveLength(3);
  });

  it("lists the strategies and the adapters as models", async () => {
    const { client } = await door([speaker("small", ["x"])]);
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(
      expect.arrayContaining(["atp/auto", "atp/cheap", "atp/quorum", "atp/small"]),
    );
  });

  it("A9.1 waits for an answer through many heartbeats, streamed and whole", async () => {
    const slow = { id: "small", answer: [{ afterMs: 400, text: "Hi" }, { final: { usage: usage(1) } }] };
    const { client } = await door([slow], { limits: { heartbeat_ms: 20, max_idle_ms: 100 } });
    const whole = await client.chat.completions.create({ model: "atp/small", ...question });
    expect(whole.choices[0]?.message.content).toBe("Hi");
    let text = "";
    for await (const piece of await client.chat.completions.create({ model: "atp/small", stream: true, ...question }))
      text += piece.choices[0]?.delta.content ?? "";
    expect(text).toBe("Hi");
  });

  it("cancels: the call at the adapter ends", async () => {
    const { client, adapters } = await door([
      { id: "small", answer: [{ text: "Hi", usage: usage(1) }, { stall: true }] },
    ]);
    const aborter = new AbortController();
    const stream = await client.chat.completions.create(
      { model: "atp/small", stream: true, ...question },
      { signal: aborter.signal },
    );
    for await (const piece of stream) if (piece.choices[0]?.delta.content === "Hi") aborter.abort();
    await expect.poll(() => adapters.get("small")?.cancels.length).toBe(1);
  });
});

describe("the door's refusals", () => {
  it.each<[string, object, new (...args: never[]) => APIError, Partial<APIError>]>([
    ["an unknown model", { model: "gpt-9" }, NotFoundError, { code: "model_not_found", param: "model" }],
    ["n: 1000", { n: 1_000 }, BadRequestError, { param: "n" }],
    ["no messages", { messages: [] }, BadRequestError, { param: "messages" }],
    ["a wrong member of atp", { atp: { lane: "gold" } }, BadRequestError, { param: "atp.lane" }],
    ["a tool that policy forbids", { atp: { tool_permissions: ["shell.exec"] } }, APIError, { status: 403 }],
    [
      "a budget that is spent",
      { atp: { window: { max_usd_micros: 0 } } },
      RateLimitError,
      { type: "insufficient_quota" },
    ],
  ])("%s", async (_name, changed, kind, shape) => {
    const { client } = await door([speaker("small", ["x"])]);
    const asking = client.chat.completions.create({ model: "atp/auto", ...question, ...changed });
    await expect(asking).rejects.toBeInstanceOf(kind);
    await expect(client.chat.completions.create({ model: "atp/auto", ...question, ...changed })).rejects.toMatchObject(
      shape,
    );
  });

  it("a key that is not known", async () => {
    const { key, hash } = createKey("ci");
    const identity = keyIdentity({ keys: [{ id: "ci", hash, tenant: "acme" }] });
    const { clientOf } = await door([speaker("small", ["x"])], { identity });
    const ask = (apiKey: string) => clientOf(apiKey).chat.completions.create({ model: "atp/auto", ...question });
    await expect(ask("sk-wrong")).rejects.toBeInstanceOf(AuthenticationError);
    expect((await ask(key)).choices[0]?.message.content).toBe("x");
  });

  it("a stream that is cut ends in an error event and never in [DONE]", async () => {
    const { client, url } = await door([
      { id: "small", answer: [{ text: "half", usage: usage(1) }, { fail: { kind: "rejected", message: "broke" } }] },
    ]);
    const stream = await client.chat.completions.create({ model: "atp/small", stream: true, ...question });
    const reading = (async () => {
      for await (const _ of stream);
    })();
    await expect(reading).rejects.toBeInstanceOf(APIError);
    const raw = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "atp/small", stream: true, ...question }),
    });
    const text = await raw.text();
    expect(text).toContain('"half"');
    expect(text).toContain('data: {"error":');
    expect(text).not.toContain("[DONE]");
  });

  it.each([
    ["what is no JSON", "{", 400],
    ["an array", "[]", 400],
    ["a body over 8 MiB", JSON.stringify({ model: "x".repeat(9_000_000) }), 413],
    [
      "a body nested 100,000 deep",
      `{"model":"atp/auto","messages":[{"role":"user","content":${"[".repeat(100_000)}${"]".repeat(100_000)}}]}`,
      400,
    ],
  ])("%s", async (_name, body, status) => {
    const { url } = await door([speaker("small", ["x"])]);
    const answer = await fetch(`${url}/v1/chat/completions`, { method: "POST", body });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { type: expect.any(String) as string } });
  });

  it("headers of 100 kB are refused, and the next question is answered", async () => {
    const { client, url } = await door([speaker("small", ["x"])]);
    const bomb = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "x-bomb": "x".repeat(100_000) },
    });
    expect(bomb.status).toBe(431);
    expect((await client.chat.completions.create({ model: "atp/auto", ...question })).choices).toHaveLength(1);
  });

  it("the error of a router that is gone is a connection's", async () => {
    const client = new OpenAI({ baseURL: "http://127.0.0.1:1/v1", apiKey: "x", maxRetries: 0 });
    await expect(client.chat.completions.create({ model: "atp/auto", ...question })).rejects.toBeInstanceOf(
      APIConnectionError,
    );
  });
});
