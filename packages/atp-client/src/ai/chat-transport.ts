import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { AtpClient, AtpRun, ChatMessage, FinalResult, RunRef, StreamOptions } from "../index.js";
import { isAtpCancelError } from "../index.js";
import { slotOf } from "../event-queue.js";
import { answerParts } from "./answer-text.js";
import { toStream } from "./language-model.js";
import { metadataOf, sources } from "./results.js";

/** Where references of detached runs wait, by chat: in `sessionStorage`, in a database. */
export interface RunRefStore {
  get(chatId: string): RunRef | null | undefined | Promise<RunRef | null | undefined>;
  /** Awaited when it returns a promise. */
  set(chatId: string, ref: RunRef): unknown;
  delete(chatId: string): unknown;
}

/** Options of {@link AtpChatTransport}. */
export interface AtpChatTransportOptions {
  readonly client: AtpClient;
  /** For every message: lane, window, strategy ... A function is asked for each. */
  readonly options?: StreamOptions | ((chatId: string) => StreamOptions);
  /** The system prompt. */
  readonly system?: string;
  /**
   * Also sends the text of each adapter as it grows, as the data part `data-atp-partial` `{adapter, text}`, one for each.
   * @default false
   */
  readonly partials?: boolean;
  /** Lets a chat be resumed after `detach()`, also in another tab. @default in this object's memory */
  readonly refs?: RunRefStore;
}

/**
 * A transport for `useChat` of the `ai` package. Beside the text a message gets the data parts `data-atp-plan` and
 * `data-atp-final` (adapter, consensus, telemetry), and citations as sources.
 */
export class AtpChatTransport<Message extends UIMessage = UIMessage> implements ChatTransport<Message> {
  /** Taking up a detached run tells it from its beginning. */
  readonly resumeStreamIsReplay = true;
  readonly #settings: AtpChatTransportOptions;
  readonly #refs: RunRefStore;
  readonly #runs = new Map<string, AtpRun>();

  constructor(settings: AtpChatTransportOptions) {
    this.#settings = settings;
    this.#refs = settings.refs ?? new Map<string, RunRef>();
  }

  /** @throws TypeError for a message with a file: a request carries text */
  sendMessages(asked: Parameters<ChatTransport<Message>["sendMessages"]>[0]): Promise<ReadableStream<UIMessageChunk>> {
    const { client, options, system } = this.#settings;
    const { chatId, messages, abortSignal, body } = asked;
    const set = typeof options === "function" ? options(chatId) : options;
    const request = { ...(system === undefined ? {} : { system }), messages: messages.map(readMessage) };
    const signal = abortSignal === undefined ? {} : { signal: abortSignal };
    // What `sendMessage` was given as `body` counts for this message alone.
    const run = client.stream(request, { ...set, ...(body as StreamOptions | undefined), ...signal });
    return Promise.resolve(this.#follow(chatId, run));
  }

  /** Takes up what {@link detach} let go, from its beginning; null when there is nothing. */
  async reconnectToStream(
    asked: Parameters<ChatTransport<Message>["reconnectToStream"]>[0],
  ): Promise<ReadableStream<UIMessageChunk> | null> {
    const { chatId, abortSignal } = asked;
    const ref = await this.#refs.get(chatId);
    if (ref === undefined || ref === null) return null;
    await this.#refs.delete(chatId);
    return this.#follow(
      chatId,
      this.#settings.client.attach(ref, abortSignal === undefined ? {} : { signal: abortSignal }),
    );
  }

  /**
   * Lets the chat's run go on at the router, to be taken up by `resumeStream`, here or elsewhere. Call it before a page goes.
   * @returns false when nothing runs
   */
  async detach(chatId: string): Promise<boolean> {
    const ref = await this.#runs.get(chatId)?.detach();
    if (ref === undefined) return false;
    await this.#refs.set(chatId, ref);
    return true;
  }

  #follow(chatId: string, run: AtpRun): ReadableStream<UIMessageChunk> {
    this.#runs.set(chatId, run);
    const forget = (): void => {
      if (this.#runs.get(chatId) === run) this.#runs.delete(chatId);
    };
    run.final().then(forget, forget);
    return toStream(chunks(run, this.#settings.partials === true), run);
  }
}

async function* chunks(run: AtpRun, partials: boolean): AsyncGenerator<UIMessageChunk, void> {
  const id = "0";
  let isOpen = false;
  yield { type: "start" };
  yield { type: "start-step" };
  try {
    for await (const part of answerParts(run)) {
      if (part.type === "delta") {
        if (!isOpen) yield { type: "text-start", id };
        isOpen = true;
        yield { type: "text-delta", id, delta: part.text };
      } else if (part.type === "final") {
        if (isOpen) yield { type: "text-end", id };
        yield* endChunks(part.final);
      } else if (part.event.type === "plan") yield { type: "data-atp-plan", id: "plan", data: part.event.plan };
      else if (part.event.type === "partial" && partials) {
        const slot = slotOf(part.event);
        yield { type: "data-atp-partial", id: slot, data: { adapter: slot, text: run.text.get(slot) ?? "" } };
      }
    }
  } catch (error) {
    if (isAtpCancelError(error)) yield { type: "abort", reason: error.message };
    else yield { type: "error", errorText: error instanceof Error ? error.message : String(error) };
  }
}

function* endChunks(final: FinalResult): Generator<UIMessageChunk, void> {
  for (const source of sources(final)) {
    const { id: sourceId, title, providerMetadata } = source;
    const more = providerMetadata === undefined ? {} : { providerMetadata };
    if (source.sourceType === "document") {
      const { mediaType, filename } = source;
      const named = filename === undefined ? {} : { filename };
      yield { type: "source-document", sourceId, mediaType, title: source.title, ...named, ...more };
    } else {
      const titled = title === undefined ? {} : { title };
      yield { type: "source-url", sourceId, url: source.url, ...titled, ...more };
    }
  }
  const { adapter, consensus, telemetry } = final;
  yield { type: "data-atp-final", id: "final", data: { adapter, consensus, telemetry } };
  yield { type: "finish-step" };
  yield { type: "finish", finishReason: "stop", messageMetadata: metadataOf(final) };
}

function readMessage({ role, parts }: UIMessage): ChatMessage {
  let content = "";
  for (const part of parts) {
    if (part.type === "file") throw new TypeError("a message with a file: requests carry text");
    if (part.type === "text") content += part.text;
  }
  return { role, content };
}
