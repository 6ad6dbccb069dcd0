import type { FinalContent, Telemetry } from "atp-protocol";

/** What every object of one answer has in common. */
export interface AnswerHead {
  /** `chatcmpl-...` */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
}

/** Tokens as OpenAI counts them. */
export interface OpenAiUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** One answer of several (`n`). */
export interface Answered {
  readonly content: FinalContent;
  readonly telemetry: Telemetry | undefined;
}

type FinishReason = "stop" | "length" | "tool_calls";

interface ToolCall {
  readonly index: number;
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** Why the answer ended, as its adapter told it. */
export function finishReasonOf(content: FinalContent): FinishReason {
  if (toolCallsOf(content).length > 0) return "tool_calls";
  return (content as { finish_reason?: unknown }).finish_reason === "length" ? "length" : "stop";
}

/** Calls of tools that the winning adapter asked for, passed through. */
export function toolCallsOf(content: FinalContent): readonly ToolCall[] {
  const calls = (content as { tool_calls?: unknown }).tool_calls;
  if (!Array.isArray(calls)) return [];
  return calls.flatMap((call: unknown, index): ToolCall[] => {
    const { id, function: named, name, arguments: given } = (call ?? {}) as Record<string, unknown>;
    const inner = (named ?? { name, arguments: given }) as { name?: unknown; arguments?: unknown };
    if (typeof inner.name !== "string") return [];
    const text = typeof inner.arguments === "string" ? inner.arguments : JSON.stringify(inner.arguments ?? {});
    return [
      {
        index,
        id: typeof id === "string" ? id : `call_${index}`,
        type: "function",
        function: { name: inner.name, arguments: text },
      },
    ];
  });
}

/** The usage of all answers together. */
export function usageOf(answers: readonly { readonly telemetry: Telemetry | undefined }[]): OpenAiUsage {
  let input = 0;
  let output = 0;
  for (const { telemetry } of answers) {
    input += telemetry?.in_tokens ?? 0;
    output += telemetry?.out_tokens ?? 0;
  }
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

/** ATP's own words about an answer. */
export function atpOf({ content, telemetry }: Answered): Readonly<Record<string, unknown>> {
  const { adapter, consensus } = content;
  return { adapter, consensus, telemetry };
}

/** A whole answer: `chat.completion`. */
export function completion(head: AnswerHead, answers: readonly Answered[]): Readonly<Record<string, unknown>> {
  return {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: answers.map(({ content }, index) => {
      const calls = toolCallsOf(content).map(({ index: _index, ...call }) => call);
      return {
        index,
        message: {
          role: "assistant",
          content: content.answer === "" && calls.length > 0 ? null : content.answer,
          refusal: null,
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        },
        logprobs: null,
        finish_reason: finishReasonOf(content),
      };
    }),
    usage: usageOf(answers),
    atp: answers.length === 1 && answers[0] !== undefined ? atpOf(answers[0]) : { answers: answers.map(atpOf) },
  };
}

/** A piece of a streamed answer: `chat.completion.chunk`. */
export function chunk(
  head: AnswerHead,
  index: number,
  delta: Readonly<Record<string, unknown>>,
  finish: FinishReason | null = null,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    id: head.id,
    object: "chat.completion.chunk",
    created: head.created,
    model: head.model,
    choices: [{ index, delta, logprobs: null, finish_reason: finish }],
    ...more,
  };
}

/** The last piece, which carries the usage and no choice. */
export function usageChunk(head: AnswerHead, answers: readonly Answered[]): Readonly<Record<string, unknown>> {
  return {
    id: head.id,
    object: "chat.completion.chunk",
    created: head.created,
    model: head.model,
    choices: [],
    usage: usageOf(answers),
  };
}
