import type { Evidence, FinalResult, Telemetry } from "../index.js";
import type { GenerateResult, Source, StreamPart } from "./types.js";

type ToolCall = Extract<StreamPart, { readonly type: "tool-call" }>;

/** The tool calls of a final, which are in OpenAI's shape (A4.1). */
export function toolCalls(final: FinalResult): ToolCall[] {
  const { tool_calls } = (final.frame.payload?.content ?? {}) as { readonly tool_calls?: readonly unknown[] };
  return (Array.isArray(tool_calls) ? tool_calls : []).flatMap((call, index) => {
    const { id, function: called } = call as { id?: unknown; function?: { name?: unknown; arguments?: unknown } };
    if (typeof called?.name !== "string") return [];
    const input = typeof called.arguments === "string" ? called.arguments : JSON.stringify(called.arguments ?? {});
    const toolCallId = typeof id === "string" ? id : `call_${index}`;
    return [{ type: "tool-call", toolCallId, toolName: called.name, input }];
  });
}

/** The citations of a final; a web address as a link, all else as a document. */
export function sources(final: FinalResult): Source[] {
  return (final.consensus?.evidence ?? []).map((evidence, index) => sourceOf(evidence, `source_${index}`));
}

function sourceOf({ source, locator, quote, adapter }: Evidence, id: string): Source {
  const more = Object.entries({ locator, quote, adapter }).filter(([, value]) => value !== undefined);
  const providerMetadata = { atp: Object.fromEntries(more) as Record<string, string> };
  const title = locator === undefined ? source : `${source} (${locator})`;
  return /^https?:\/\//.test(source)
    ? { type: "source", sourceType: "url", id, url: source, title, providerMetadata }
    : {
        type: "source",
        sourceType: "document",
        id,
        mediaType: "text/plain",
        title,
        filename: source,
        providerMetadata,
      };
}

/** The bill in the `ai` package's shape. */
export function usageOf(telemetry: Telemetry | undefined): GenerateResult["usage"] {
  const { in_tokens, out_tokens } = telemetry ?? {};
  return {
    inputTokens: { total: in_tokens, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: out_tokens, text: undefined, reasoning: undefined },
  };
}

/** What the router told beyond an answer: who answered, how sure, for how much. */
export function metadataOf({
  adapter,
  consensus,
  telemetry,
}: FinalResult): NonNullable<GenerateResult["providerMetadata"]> {
  const told = {
    adapter,
    strategy: consensus?.strategy,
    agreement: consensus?.agreement,
    tokens: telemetry?.tokens,
    usdMicros: telemetry?.usd,
    latencyMs: telemetry?.latency_ms,
  };
  const entries = Object.entries(told).filter(([, value]) => value !== undefined);
  return { atp: Object.fromEntries(entries) };
}
