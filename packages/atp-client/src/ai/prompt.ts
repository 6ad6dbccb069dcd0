import type { ChatMessage, RequestContent } from "atp-protocol";
import type { CallOptions, Warning } from "./types.js";

/** A request in the wire's shape, and what of the call it could not carry. */
export interface ReadCall {
  readonly request: RequestContent;
  readonly warnings: readonly Warning[];
}

const unsupported = ["topP", "topK", "presencePenalty", "frequencyPenalty", "seed"] as const;

/** Turns a call of the `ai` package into a request: messages, tools and settings in the shape of A4.1, which is OpenAI's. */
export function readCall(call: CallOptions): ReadCall {
  const warnings: Warning[] = unsupported
    .filter((name) => call[name] !== undefined)
    .map((feature) => ({ type: "unsupported", feature, details: "the router's adapters choose it" }));
  const tools = (call.tools ?? []).flatMap((tool) => {
    if (tool.type !== "function") {
      warnings.push({ type: "unsupported", feature: `tool ${tool.name}`, details: "only function tools travel" });
      return [];
    }
    const { name, description, inputSchema: parameters } = tool;
    return [
      { type: "function", function: { name, ...(description === undefined ? {} : { description }), parameters } },
    ];
  });
  const { maxOutputTokens, temperature, stopSequences, toolChoice, responseFormat } = call;
  const messages = call.prompt.flatMap((message) => readMessage(message, warnings));
  return {
    request: {
      messages,
      ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(stopSequences === undefined ? {} : { stop: stopSequences }),
      ...(tools.length === 0 ? {} : { tools }),
      ...(tools.length === 0 || toolChoice === undefined
        ? {}
        : {
            tool_choice:
              toolChoice.type === "tool"
                ? { type: "function", function: { name: toolChoice.toolName } }
                : toolChoice.type,
          }),
      ...(responseFormat?.type === "json" ? { response_format: readFormat(responseFormat) } : {}),
    },
    warnings,
  };
}

type Prompt = CallOptions["prompt"];

function readMessage(message: Prompt[number], warnings: Warning[]): ChatMessage[] {
  if (message.role === "system") return [{ role: "system", content: message.content }];
  if (message.role === "tool")
    return message.content.flatMap((part) =>
      part.type === "tool-result"
        ? [{ role: "tool", tool_call_id: part.toolCallId, name: part.toolName, content: readOutput(part.output) }]
        : [],
    );
  let content = "";
  const calls: unknown[] = [];
  for (const part of message.content) {
    if (part.type === "text") content += part.text;
    else if (part.type === "tool-call")
      calls.push({
        id: part.toolCallId,
        type: "function",
        function: { name: part.toolName, arguments: JSON.stringify(part.input) },
      });
    else if (part.type === "file")
      warnings.push({ type: "unsupported", feature: "files", details: `${part.mediaType} was left out` });
  }
  return [{ role: message.role, content, ...(calls.length === 0 ? {} : { tool_calls: calls }) }];
}

type Output = Extract<
  Extract<Prompt[number], { readonly role: "tool" }>["content"][number],
  { readonly type: "tool-result" }
>["output"];

function readOutput(output: Output): string {
  switch (output.type) {
    case "text":
    case "error-text":
      return output.value;
    case "execution-denied":
      return output.reason ?? "denied";
    default:
      return JSON.stringify(output.value);
  }
}

function readFormat({ schema, name = "answer" }: { readonly schema?: unknown; readonly name?: string }): unknown {
  return schema === undefined ? { type: "json_object" } : { type: "json_schema", json_schema: { name, schema } };
}
