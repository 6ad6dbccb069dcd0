/**
 * A request of ATP in the words of the chat completions API.
 */
import type { AdapterRequest } from "../request.js";

/** Where to ask. */
export interface ChatEndpoint {
  /** Up to and with the version, such as `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly model: string;
}

/** The body of `POST {baseUrl}/chat/completions`. */
export function chatBody(
  endpoint: ChatEndpoint,
  request: AdapterRequest,
  maxOutputTokens: number | undefined,
): Record<string, unknown> {
  return {
    model: endpoint.model,
    messages: [...systemMessages(request), ...turns(request)],
    stream: true,
    stream_options: { include_usage: true },
    ...(maxOutputTokens === undefined ? {} : { [limitMember(endpoint)]: maxOutputTokens }),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    ...(request.stop.length === 0 ? {} : { stop: request.stop }),
    ...(request.tools.length === 0 ? {} : { tools: request.tools }),
    ...(request.toolChoice === undefined ? {} : { tool_choice: request.toolChoice }),
    ...(request.responseFormat === undefined ? {} : { response_format: request.responseFormat }),
    // Clones of one model must differ to be worth their price.
    ...(request.sample === 0 ? {} : { seed: request.sample }),
  };
}

/** The user's turns as received, since their content may be more than text. */
function turns(request: AdapterRequest): unknown[] {
  const { messages } = request.content;
  return Array.isArray(messages) ? messages : [{ role: "user", content: request.question }];
}

function systemMessages(request: AdapterRequest): { role: "system"; content: string }[] {
  const texts: string[] = [];
  if (request.system !== undefined) texts.push(request.system);
  if (Object.keys(request.context).length > 0) texts.push(`Known from memory:\n${JSON.stringify(request.context)}`);
  if (request.choices.length > 0) {
    texts.push(`Answer with exactly one of these, word for word: ${JSON.stringify(request.choices)}`);
  }
  return texts.map((content) => ({ role: "system", content }));
}

/** OpenAI's own newer models refuse `max_tokens`; most compatible servers know nothing else. */
function limitMember(endpoint: ChatEndpoint): "max_tokens" | "max_completion_tokens" {
  return new URL(endpoint.baseUrl).hostname === "api.openai.com" ? "max_completion_tokens" : "max_tokens";
}
