import { strategies } from "atp-protocol";
import type { AtpClient, AtpRun, FinalResult, Strategy, StreamOptions } from "../index.js";
import { answerParts } from "./answer-text.js";
import { readCall } from "./prompt.js";
import { metadataOf, sources, toolCalls, usageOf } from "./results.js";
import type { CallOptions, GenerateResult, LanguageModelV3, StreamPart, StreamResult, Warning } from "./types.js";

/** What a call may set of a run; in `providerOptions: { atp: {...} }` as well. */
export type AtpModelOptions = Omit<StreamOptions, "signal" | "strategy"> & {
  /** False: the text comes whole with the final, also when one adapter alone answers. @default true */
  readonly partials?: boolean;
};

/** Makes models of a client; callable. A model's id is a strategy: `auto`, `single`, `quorum` ... */
export interface AtpProvider {
  (strategy?: Strategy, options?: AtpModelOptions): LanguageModelV3;
  readonly specificationVersion: "v3";
  /** @throws TypeError for what is no strategy */
  languageModel(strategy: string): LanguageModelV3;
  /** @throws TypeError: a router has none */
  embeddingModel(id: string): never;
  /** @throws TypeError: a router has none */
  imageModel(id: string): never;
}

/**
 * A provider for `generateText` and `streamText` of the `ai` package.
 * @param defaults for every call; `providerOptions.atp` of a call wins
 */
export function createAtp(client: AtpClient, defaults: AtpModelOptions = {}): AtpProvider {
  const make = (strategy: string, options: AtpModelOptions): LanguageModelV3 => {
    const known = strategies.find((name) => name === strategy);
    if (known === undefined)
      throw new TypeError(`model: ${strategy} is no strategy; there are ${strategies.join(", ")}`);
    return new AtpLanguageModel(client, known, options);
  };
  const none = (kind: string): never => {
    throw new TypeError(`a router has no ${kind} models`);
  };
  return Object.assign(
    (strategy: Strategy = "auto", options: AtpModelOptions = {}) => make(strategy, { ...defaults, ...options }),
    {
      specificationVersion: "v3" as const,
      languageModel: (strategy: string) => make(strategy, defaults),
      embeddingModel: () => none("embedding"),
      imageModel: () => none("image"),
    },
  );
}

class AtpLanguageModel implements LanguageModelV3 {
  readonly specificationVersion = "v3";
  readonly provider = "atp";
  readonly modelId: Strategy;
  readonly supportedUrls = {};
  readonly #client: AtpClient;
  readonly #options: AtpModelOptions;

  constructor(client: AtpClient, strategy: Strategy, options: AtpModelOptions) {
    this.#client = client;
    this.modelId = strategy;
    this.#options = options;
  }

  async doGenerate(call: CallOptions): Promise<GenerateResult> {
    const { run, warnings } = this.#ask(call);
    const final = await run.final().catch((error: unknown) => {
      // Who aborts expects the reason that it gave.
      call.abortSignal?.throwIfAborted();
      throw error;
    });
    const calls = toolCalls(final);
    const text = final.answer === "" ? [] : [{ type: "text" as const, text: final.answer }];
    return {
      content: [...text, ...calls, ...sources(final)],
      finishReason: finishReason(calls),
      usage: usageOf(final.telemetry),
      providerMetadata: metadataOf(final),
      response: { id: run.streamId, ...(final.adapter === undefined ? {} : { modelId: final.adapter }) },
      warnings: [...warnings],
    };
  }

  doStream(call: CallOptions): Promise<StreamResult> {
    const { run, warnings, partials } = this.#ask(call);
    const parts = streamParts(run, warnings, partials, call.abortSignal);
    return Promise.resolve({ stream: toStream(parts, run) });
  }

  #ask(call: CallOptions): { run: AtpRun; warnings: readonly Warning[]; partials: boolean } {
    const { request, warnings } = readCall(call);
    const own = (call.providerOptions?.["atp"] ?? {}) as AtpModelOptions;
    const { partials = true, ...options } = { ...this.#options, ...own };
    const signal = call.abortSignal === undefined ? {} : { signal: call.abortSignal };
    return { run: this.#client.stream(request, { ...options, strategy: this.modelId, ...signal }), warnings, partials };
  }
}

async function* streamParts(
  run: AtpRun,
  warnings: readonly Warning[],
  partials: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<StreamPart, void> {
  yield { type: "stream-start", warnings: [...warnings] };
  const id = "0";
  let isOpen = false;
  try {
    for await (const part of answerParts(run, partials)) {
      if (part.type === "delta") {
        if (!isOpen) yield { type: "text-start", id };
        isOpen = true;
        yield { type: "text-delta", id, delta: part.text };
      } else if (part.type === "final") {
        if (isOpen) yield { type: "text-end", id };
        yield* endParts(run, part.final);
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    yield { type: "error", error };
    yield { type: "finish", usage: usageOf(run.usage), finishReason: { unified: "error", raw: undefined } };
  }
}

function* endParts(run: AtpRun, final: FinalResult): Generator<StreamPart, void> {
  yield* sources(final);
  const calls = toolCalls(final);
  yield* calls;
  const modelId = final.adapter === undefined ? {} : { modelId: final.adapter };
  yield { type: "response-metadata", id: run.streamId, ...modelId };
  const providerMetadata = metadataOf(final);
  yield { type: "finish", usage: usageOf(final.telemetry), finishReason: finishReason(calls), providerMetadata };
}

function finishReason(calls: readonly unknown[]): GenerateResult["finishReason"] {
  return { unified: calls.length === 0 ? "stop" : "tool-calls", raw: undefined };
}

/** A stream that takes from its parts what its reader asks for; cancelling it cancels the run. */
export function toStream<Part>(parts: AsyncGenerator<Part, void>, run: AtpRun): ReadableStream<Part> {
  return new ReadableStream<Part>(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await run.cancel("the reader left");
        await parts.return();
      },
    },
    { highWaterMark: 0 },
  );
}
