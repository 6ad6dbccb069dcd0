import { createInterface } from "node:readline";
import { createClient } from "../index.js";
import type { AtpClient, ChatMessage } from "../index.js";
import { askHttp } from "./http.js";
import { streamOptions, windowOf } from "./options.js";
import type { AskOptions, ConnectionOptions } from "./options.js";
import { explanation, load } from "./readable.js";
import { follow, plain } from "./terminal.js";
import type { Terminal } from "./terminal.js";

/** Asks one question. */
export async function ask(prompt: string, options: AskOptions, terminal: Terminal, signal: AbortSignal): Promise<void> {
  await using client = connect(options, terminal);
  const { system } = options;
  const run = client.stream({ prompt, ...(system === undefined ? {} : { system }) }, streamOptions(options, signal));
  await follow(run, terminal);
}

/** A conversation: a line is a question; an empty input or Ctrl-D ends it. */
export async function chat(options: AskOptions, terminal: Terminal, signal: AbortSignal): Promise<void> {
  await using client = connect(options, terminal);
  const lines = createInterface({ input: process.stdin, terminal: false });
  signal.addEventListener("abort", () => {
    lines.close();
  });
  const { system } = options;
  const messages: ChatMessage[] = [];
  terminal.err("> ");
  for await (const line of lines) {
    if (line.trim() !== "") {
      messages.push({ role: "user", content: line });
      const request = { messages: [...messages], ...(system === undefined ? {} : { system }) };
      const { answer } = await follow(client.stream(request, streamOptions(options, signal)), terminal);
      messages.push({ role: "assistant", content: answer });
    }
    terminal.err("> ");
  }
  signal.throwIfAborted();
}

/** Tells how a request would be run, and spends nothing. */
export async function explain(
  prompt: string,
  options: AskOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { qos, strategy, taskType, system } = options;
  const told = await askHttp(
    options,
    "/v1/explain",
    {
      ...(qos === undefined ? {} : { qos }),
      window: windowOf(options),
      meta: {
        ...(strategy === undefined ? {} : { strategy }),
        ...(taskType === undefined ? {} : { task_type: taskType }),
      },
      payload: { type: "agent.request", content: { prompt, ...(system === undefined ? {} : { system }) } },
    },
    signal,
  );
  terminal.out(plain(terminal.json ? `${JSON.stringify(told)}\n` : explanation(told)));
}

/** Tells the router's load again and again, until it is interrupted or `count` times. */
export async function watch(
  options: ConnectionOptions & { readonly interval: number; readonly count?: number },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const [lanes, adapters, budgets] = await Promise.all(
      ["/v1/lanes", "/adapters/health", "/v1/budgets"].map((path) => askHttp(options, path, undefined, signal)),
    );
    const told = { at: new Date().toISOString(), lanes, adapters, budgets };
    terminal.out(plain(terminal.json ? `${JSON.stringify(told)}\n` : `${n === 0 ? "" : "\n"}${load(told)}`));
    if (n + 1 === options.count) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, options.interval);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function connect(options: ConnectionOptions, terminal: Terminal): AtpClient {
  const { url, token } = options;
  const client = createClient({ url, ...(token === undefined ? {} : { token }), retry: { attempts: 3 } });
  if (!terminal.json && !terminal.quiet)
    client.on("state", (state) => {
      if (state.name === "waiting") terminal.err(`${plain(state.error.message)} Trying again.\n`);
    });
  return client;
}
