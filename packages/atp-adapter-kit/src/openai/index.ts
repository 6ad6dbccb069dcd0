/**
 * Any OpenAI-compatible endpoint as the body of an adapter's `stream`.
 * @packageDocumentation
 */
import { AdapterError } from "../errors.js";
import type { AdapterRequest } from "../request.js";
import type { StreamCall, StreamPart } from "../types.js";
import { parseChatEvent, ToolCallJoiner } from "./chat-events.js";
import { chatBody, type ChatEndpoint } from "./chat-request.js";
import { ChatUsage } from "./chat-usage.js";
import { errorOfEvent, errorOfResponse } from "./http-status.js";
import { readEvents } from "./sse.js";

export type { ChatEndpoint } from "./chat-request.js";

/** Options of {@link chatParts}. */
export interface ChatOptions {
  /** What the final claims, 0 to 1: the API tells none. Halved for an answer cut by its length. @default 0.6 */
  readonly confidence?: number;
}

/**
 * Asks `POST {baseUrl}/chat/completions` with streaming and yields the answer as parts of an adapter.
 *
 * A stream that ends without a `finish_reason` and without `[DONE]` was cut and is an error, never an answer.
 * `finish_reason` `length` gives a final with that member; `content_filter` is an error. Tool calls stand in `final.tool_calls`.
 *
 * @throws AdapterError `exhausted` for 429 with its time to come back, `unavailable` for 5xx and cut streams,
 *   `unauthenticated` 401, `denied` 403 and the content filter, `timeout` 504, `invalid` for other refusals
 */
export async function* chatParts(
  endpoint: ChatEndpoint,
  request: AdapterRequest,
  call: StreamCall,
  options: ChatOptions = {},
): AsyncGenerator<StreamPart, void, undefined> {
  const response = await fetch(`${endpoint.baseUrl.replace(/\/+$/, "")}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(endpoint.apiKey === undefined ? {} : { authorization: `Bearer ${endpoint.apiKey}` }),
    },
    body: JSON.stringify(chatBody(endpoint, request, call.maxOutputTokens)),
    // A redirect could carry the question, and on some servers the key, to another host.
    redirect: "error",
    signal: call.signal,
  });
  if (!response.ok) throw await errorOfResponse(response, endpoint.apiKey);

  const usage = new ChatUsage(request.promptText);
  const toolCalls = new ToolCallJoiner();
  const texts: string[] = [];
  let finishReason: string | undefined;
  let done = false;
  for await (const data of eventsOf(response)) {
    if (data.trim() === "[DONE]") {
      done = true;
      break;
    }
    const event = parseEvent(data);
    if (event.error !== undefined) throw errorOfEvent(event.error, endpoint.apiKey);
    if (event.usage !== undefined) usage.report(event.usage);
    toolCalls.push(event.toolCalls);
    finishReason = event.finishReason ?? finishReason;
    if (event.text === "") continue;
    texts.push(event.text);
    yield { text: event.text, usage: usage.delta(event.text) };
  }
  if (!done && finishReason === undefined) {
    yield { usage: usage.end() };
    throw new AdapterError("unavailable", "the provider's stream was cut before its end");
  }
  if (finishReason === "content_filter") {
    yield { usage: usage.end() };
    throw new AdapterError("denied", "the provider's content filter stopped the answer");
  }
  const confidence = (options.confidence ?? 0.6) * (finishReason === "length" ? 0.5 : 1);
  const calls = toolCalls.end();
  const choice = choiceOf(texts.join(""), request.choices);
  yield {
    final: {
      ...(choice === undefined ? {} : { answer: choice }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      ...(finishReason === undefined || finishReason === "stop" ? {} : { finish_reason: finishReason }),
    },
    usage: usage.end(),
    confidence,
  };
}

/** The events of a streamed answer, or the one event of a server that answers whole. */
async function* eventsOf(response: Response): AsyncGenerator<string, void, undefined> {
  if (response.body === null) return;
  if (response.headers.get("content-type")?.includes("application/json") === true) {
    yield await response.text();
    return;
  }
  yield* readEvents(response.body);
}

function parseEvent(data: string): ReturnType<typeof parseChatEvent> {
  try {
    return parseChatEvent(data);
  } catch {
    throw new AdapterError("unavailable", "the provider sent an event that is not JSON");
  }
}

/** The choice that an answer means when it differs in case, quotes or a full stop only. */
function choiceOf(answer: string, choices: readonly string[]): string | undefined {
  const bare = (text: string): string =>
    text
      .trim()
      .replace(/^["'`]+|["'`.]+$/g, "")
      .toLowerCase();
  return choices.find((choice) => bare(choice) === bare(answer));
}
