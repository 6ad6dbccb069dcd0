import type { LanguageModel } from "ai";

// Taken from what `ai` exports, so that this package needs no other one of its family.

/** A language model of the third version of the `ai` package's interface. */
export type LanguageModelV3 = Extract<LanguageModel, { readonly specificationVersion: "v3" }>;
/** What the `ai` package asks of a model. */
export type CallOptions = Parameters<LanguageModelV3["doStream"]>[0];
/** What a model answers in one piece. */
export type GenerateResult = Awaited<ReturnType<LanguageModelV3["doGenerate"]>>;
/** What a model answers piece by piece. */
export type StreamResult = Awaited<ReturnType<LanguageModelV3["doStream"]>>;
/** One piece. */
export type StreamPart = StreamResult["stream"] extends ReadableStream<infer Part> ? Part : never;
/** What the model could not honour. */
export type Warning = GenerateResult["warnings"][number];
/** A citation. */
export type Source = Extract<StreamPart, { readonly type: "source" }>;
