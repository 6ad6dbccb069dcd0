import { AbstractChat, generateText, jsonSchema, readUIMessageStream, streamText, tool } from "ai";
import type { ChatState, ChatStatus, UIMessage } from "ai";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AtpChatTransport, createAtp } from "../../src/ai/index.js";
import { createClient } from "../../src/index.js";
import type { AtpClient } from "../../src/index.js";
import { MemoryRouter } from "../support/memory-router.js";
import type { ServedStream } from "../support/memory-router.js";
import { simClient, talker } from "../support/sim-client.js";
import type { SimClient } from "../support/sim-client.js";
import { VirtualClock } from "../support/virtual-clock.js";

let world: SimClient | undefined;
vi.stubGlobal("AI_SDK_LOG_WARNINGS", false);
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const words = ["yes, ", "at ", "once"];

describe("streamText and generateText of the ai package over ATP", () => {
  it("streams the one adapter's text piece by piece, with usage and what the router told", async () => {
    world = simClient([talker("a", words)]);
    const result = streamText({ model: createAtp(world.client)("single"), prompt: "is it so?" });
    const deltas: string[] = [];
    const read = (async () => {
      for await (const delta of result.textStream) deltas.push(delta);
    })();
    await world.passing(read);
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join("")).toBe("yes, at once");
    expect(await result.usage).toMatchObject({ inputTokens: 5, outputTokens: 10 });
    expect(await result.finishReason).toBe("stop");
    expect((await result.providerMetadata)?.["atp"]).toMatchObject({ adapter: "a", strategy: "single", usdMicros: 50 });
  });

  it("streams the one that is asked although others could stand in for it", async () => {
    world = simClient([talker("a", words), talker("b", words)]);
    const result = streamText({ model: createAtp(world.client)("single"), prompt: "is it so?" });
    const deltas: string[] = [];
    const read = (async () => {
      for await (const delta of result.textStream) deltas.push(delta);
    })();
    await world.passing(read);
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join("")).toBe("yes, at once");
  });

  it.each(["fanout", "cascade", "quorum"] as const)(
    "%s may take another answer, so nothing is told before the final",
    async (strategy) => {
      world = simClient([talker("a", words), talker("b", words)]);
      const result = streamText({ model: createAtp(world.client)(strategy), prompt: "is it so?" });
      const deltas: string[] = [];
      const read = (async () => {
        for await (const delta of result.textStream) deltas.push(delta);
      })();
      await world.passing(read);
      expect(deltas).toEqual(["yes, at once"]);
    },
  );

  it("never glues the answers of several adapters: the text comes with the final", async () => {
    world = simClient([talker("a", words), talker("b", words)]);
    const result = streamText({ model: createAtp(world.client)("fanout"), prompt: "is it so?" });
    expect(await world.passing(result.text)).toBe("yes, at once");
  });

  it("generates at once, and carries system, settings and lane to the adapter", async () => {
    world = simClient([talker("a", words)]);
    const atp = createAtp(world.client, { qos: "gold" });
    const asked = generateText({
      model: atp.languageModel("single"),
      system: "be brief",
      prompt: "is it so?",
      maxOutputTokens: 77,
      topK: 3,
    });
    const result = await world.passing(asked);
    expect(result.text).toBe("yes, at once");
    expect(result.warnings).toMatchObject([{ type: "unsupported", feature: "topK" }]);
    const call = world.sim.adapters.get("a")?.calls[0];
    const content = JSON.parse(call?.promptJson ?? "{}") as { messages: unknown };
    expect(content.messages).toEqual([
      { role: "system", content: "be brief" },
      { role: "user", content: "is it so?" },
    ]);
  });

  it("a refusal is the router's own error, and is not asked again", async () => {
    world = simClient([talker("a", words)]);
    const atp = createAtp(world.client, { window: { max_tokens: 1 } });
    const failed = generateText({ model: atp("single"), prompt: "hi" }).catch((error: unknown) => error);
    expect(await world.passing(failed)).toMatchObject({ name: "AtpError", code: "EBUDGET" });
  });

  it("an abort cancels the run, and its adapters stop", async () => {
    world = simClient([
      talker(
        "a",
        Array.from({ length: 50 }, () => "word "),
      ),
    ]);
    const abort = new AbortController();
    const asked = generateText({ model: createAtp(world.client)("single"), prompt: "hi", abortSignal: abort.signal });
    const ended = asked.catch((error: unknown) => error);
    await world.sim.clock.until(() => world?.sim.adapters.get("a")?.running === 1);
    abort.abort();
    expect(await world.passing(ended)).toMatchObject({ name: "AbortError" });
    await world.sim.clock.until(() => world?.sim.adapters.get("a")?.running === 0);
  });

  it("tool calls of a final are run by the ai package, and their results go back (A4.1)", async () => {
    const requests: { messages: { role: string }[]; tools: unknown[] }[] = [];
    const client = scripted((stream, content) => {
      requests.push(content as never);
      const last = requests.at(-1)?.messages.at(-1);
      if (last?.role === "tool") return stream.accept().finish("it is 21 degrees");
      const call = { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } };
      stream.accept().end("FIN", { type: "agent.result.final", content: { ok: true, answer: "", tool_calls: [call] } });
    });
    const weather = tool({
      description: "the weather",
      inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
      execute: ({ city }) => `21 in ${city}`,
    });
    const { text, steps } = await generateText({
      model: createAtp(client)("single"),
      prompt: "how warm?",
      tools: { weather },
      stopWhen: ({ steps: done }) => done.length === 2,
    });
    expect(text).toBe("it is 21 degrees");
    expect(steps[0]?.toolCalls[0]).toMatchObject({ toolName: "weather", input: { city: "Bern" } });
    expect(requests[0]?.tools).toMatchObject([{ type: "function", function: { name: "weather" } }]);
    expect(requests[1]?.messages.at(-1)).toMatchObject({ role: "tool", tool_call_id: "c1", content: "21 in Bern" });
  });

  it("refuses what is no strategy", () => {
    world = simClient([]);
    expect(() => createAtp(world?.client as AtpClient).languageModel("gpt")).toThrow(TypeError);
  });

  it("an answer begun anew with other words is an error, never two answers glued (A4.2)", async () => {
    let goOn = (): void => undefined;
    const client = scripted((stream) => {
      const rungs = [[{ adapter: "a", sample: 0, hold: { tokens: 1, usd_micros: 1 }, max_output_tokens: 9 }]];
      stream.accept().control("control.plan", { strategy: "single", rungs });
      stream.partial("a", 0, "it is ");
      goOn = () => {
        stream.partial("a", 0, "never so", 1).finish("never so");
      };
    });
    const result = streamText({ model: createAtp(client)("single"), prompt: "?", onError: () => undefined });
    const parts: { type: string; error?: unknown }[] = [];
    for await (const part of result.fullStream) {
      parts.push(part);
      if (part.type === "text-delta") goOn();
    }
    expect(parts.find(({ type }) => type === "error")?.error).toMatchObject({ code: "EPEER" });
  });
});

/** The state that a framework's binding of `useChat` keeps. */
class PlainState implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined;
  messages: UIMessage[] = [];
  pushMessage = (message: UIMessage): void => void this.messages.push(message);
  popMessage = (): void => void this.messages.pop();
  replaceMessage = (index: number, message: UIMessage): void => {
    this.messages[index] = message;
  };
  snapshot = <T>(thing: T): T => structuredClone(thing);
}

class Chat extends AbstractChat<UIMessage> {
  constructor(transport: AtpChatTransport) {
    super({ transport, state: new PlainState() });
  }
}

const textOf = (message: UIMessage | undefined): string =>
  (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");

describe("useChat's own chat over the transport", () => {
  it("sends the conversation and shows text, plan and bill", async () => {
    world = simClient([talker("a", words)]);
    const chat = new Chat(new AtpChatTransport({ client: world.client, options: { strategy: "single" }, system: "s" }));
    await world.passing(chat.sendMessage({ text: "is it so?" }));
    expect(chat.error).toBeUndefined();
    expect(chat.status).toBe("ready");
    expect(textOf(chat.messages[1])).toBe("yes, at once");
    const types = chat.messages[1]?.parts.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["data-atp-plan", "data-atp-final"]));
    await world.passing(chat.sendMessage({ text: "sure?" }));
    const content = JSON.parse(world.sim.adapters.get("a")?.calls[1]?.promptJson ?? "{}") as { messages: unknown };
    expect(content.messages).toEqual([
      { role: "user", content: "is it so?" },
      { role: "assistant", content: "yes, at once" },
      { role: "user", content: "sure?" },
    ]);
  });

  it("stop() cancels the run at the router", async () => {
    world = simClient([
      talker(
        "a",
        Array.from({ length: 50 }, () => "word "),
      ),
    ]);
    const chat = new Chat(new AtpChatTransport({ client: world.client, options: { strategy: "single" } }));
    const sent = chat.sendMessage({ text: "hi" });
    await world.sim.clock.until(() => world?.sim.adapters.get("a")?.running === 1);
    await chat.stop();
    await world.passing(sent);
    await world.sim.clock.until(() => world?.sim.adapters.get("a")?.running === 0);
  });

  it("shows a refusal as the chat's error", async () => {
    world = simClient([talker("a", words)]);
    const chat = new Chat(new AtpChatTransport({ client: world.client, options: { window: { max_tokens: 1 } } }));
    await world.passing(chat.sendMessage({ text: "hi" }));
    expect(chat.status).toBe("error");
  });

  it("markup in an answer stays text", async () => {
    const markup = "<img src=x onerror=alert(1)>";
    const client = scripted((stream) => void stream.accept().finish(markup));
    const transport = new AtpChatTransport({ client });
    const stream = await transport.sendMessages({
      trigger: "submit-message",
      chatId: "c",
      messageId: undefined,
      messages: [{ id: "1", role: "user", parts: [{ type: "text", text: "hi" }] }],
      abortSignal: undefined,
    });
    let last: UIMessage | undefined;
    for await (const message of readUIMessageStream({ stream })) last = message;
    expect(textOf(last)).toBe(markup);
  });

  it("has nothing to reconnect to for a chat that was not detached", async () => {
    world = simClient([]);
    expect(await new AtpChatTransport({ client: world.client }).reconnectToStream({ chatId: "c" })).toBeNull();
  });
});

function scripted(opened: (stream: ServedStream, content: unknown) => void): AtpClient {
  const clock = new VirtualClock();
  const router = new MemoryRouter(clock, {
    opened: (stream, frame) => {
      opened(stream, frame.payload?.content);
    },
  });
  return createClient({ url: "ws://router.test/ws", socket: router.socket, clock });
}
