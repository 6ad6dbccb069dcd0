/**
 * A model behind an OpenAI-compatible URL as the upstream.
 */
import { defaultEstimate, type Prices } from "atp-adapter-kit";
import { type ChatEndpoint, chatParts } from "atp-adapter-kit/openai";
import type { Upstream } from "./upstream.js";

/** An upstream at a chat completions API. Its estimates come from text lengths and prices: the API quotes nothing. */
export function chatUpstream(endpoint: ChatEndpoint, prices: Prices): Upstream {
  return {
    prices,
    estimate: async (request) => defaultEstimate(request, prices),
    stream: (request, call) => chatParts(endpoint, request, call),
    health: async () => ({}),
  };
}
