/**
 * Names by OpenTelemetry's semantic conventions for generative AI, which are in development: kept here, so that a change of theirs
 * is a change of one file. The last are this project's own.
 */
export const names = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  maxTokens: "gen_ai.request.max_tokens",
  stream: "gen_ai.request.stream",
  conversation: "gen_ai.conversation.id",
  inputMessages: "gen_ai.input.messages",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  tokenType: "gen_ai.token.type",
  errorType: "error.type",
  tenant: "atp.tenant",
  lane: "atp.lane",
  taskType: "atp.task_type",
  strategy: "atp.strategy",
  outcome: "atp.outcome",
  adapter: "atp.adapter",
  attempt: "atp.attempt",
  usdMicros: "atp.usd_micros",
  escalations: "atp.escalations",
  agreement: "atp.agreement",
  queueMs: "atp.queue_ms",
} as const;

/** What answers: the conventions ask for a provider, and to the router an adapter is one. */
export const PROVIDER = "atp";
