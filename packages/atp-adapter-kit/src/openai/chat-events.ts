/**
 * The untrusted events of a chat completion, reduced to what an adapter uses.
 */

/** One event, or one whole answer of a server that does not stream. */
export interface ChatEvent {
  readonly text: string;
  readonly finishReason: string | undefined;
  readonly usage: { readonly inTokens: number; readonly outTokens: number } | undefined;
  readonly toolCalls: readonly ToolCallDelta[];
  readonly error: unknown;
}

/** A piece of a tool call. */
export interface ToolCallDelta {
  readonly index: number;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly arguments: string;
}

/** Reads an event's JSON. @throws SyntaxError when it is not a JSON object */
export function parseChatEvent(json: string): ChatEvent {
  const event: unknown = JSON.parse(json);
  if (!isObject(event)) throw new SyntaxError("an event must be a JSON object");
  const choice = firstOf(event["choices"]);
  const body = choice?.["delta"] ?? choice?.["message"];
  const message = isObject(body) ? body : {};
  const finish = choice?.["finish_reason"];
  return {
    text: typeof message["content"] === "string" ? message["content"] : "",
    finishReason: typeof finish === "string" ? finish : undefined,
    usage: usageOf(event["usage"]),
    toolCalls: Array.isArray(message["tool_calls"]) ? message["tool_calls"].map(toolCallOf) : [],
    error: event["error"] ?? undefined,
  };
}

/** Joins the pieces of tool calls into OpenAI's final shape, in their order. */
export class ToolCallJoiner {
  private readonly calls = new Map<number, { id: string; name: string; arguments: string }>();

  push(deltas: readonly ToolCallDelta[]): void {
    for (const delta of deltas) {
      const call = this.calls.get(delta.index) ?? { id: "", name: "", arguments: "" };
      call.id ||= delta.id ?? "";
      call.name ||= delta.name ?? "";
      call.arguments += delta.arguments;
      this.calls.set(delta.index, call);
    }
  }

  end(): { id: string; type: "function"; function: { name: string; arguments: string } }[] {
    return [...this.calls.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, { id, name, arguments: args }]) => ({ id, type: "function", function: { name, arguments: args } }));
  }
}

function toolCallOf(value: unknown, position: number): ToolCallDelta {
  const call = isObject(value) ? value : {};
  const fn = isObject(call["function"]) ? call["function"] : {};
  return {
    index: Number.isSafeInteger(call["index"]) ? (call["index"] as number) : position,
    id: typeof call["id"] === "string" ? call["id"] : undefined,
    name: typeof fn["name"] === "string" ? fn["name"] : undefined,
    arguments: typeof fn["arguments"] === "string" ? fn["arguments"] : "",
  };
}

function usageOf(value: unknown): ChatEvent["usage"] {
  if (!isObject(value)) return undefined;
  const { prompt_tokens: inTokens, completion_tokens: outTokens } = value;
  if (!isCount(inTokens) || !isCount(outTokens)) return undefined;
  return { inTokens, outTokens };
}

function firstOf(value: unknown): Record<string, unknown> | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return isObject(first) ? first : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
