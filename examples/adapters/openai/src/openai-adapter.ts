/**
 * Any OpenAI-compatible endpoint as an adapter.
 */
import { type Adapter, defineAdapter } from "atp-adapter-kit";
import { chatParts } from "atp-adapter-kit/openai";
import type { OpenAiConfig } from "./config.js";

/** Makes the adapter. Estimates are the kit's own, from text lengths and prices: the API quotes nothing. */
export function createOpenAiAdapter(config: OpenAiConfig): Adapter {
  const { name, endpoint, prices, contextTokens, maxParallel } = config;
  return defineAdapter({
    name,
    model: endpoint.model,
    tags: ["qa", "llm", "tools"],
    prices,
    ...(contextTokens === undefined ? {} : { contextTokens }),
    ...(maxParallel === undefined ? {} : { maxParallel }),
    stream: (request, call) => chatParts(endpoint, request, call),
  });
}
