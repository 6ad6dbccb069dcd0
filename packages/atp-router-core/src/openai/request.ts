import { AtpError, strategies } from "atp-protocol";
import type { Qos, Strategy, Window } from "atp-protocol";
import * as z from "zod";
import { badRequest } from "./errors.js";

const uint = z.int().min(0);

/** ATP's own members of a request, all optional. */
const atpMembers = z.strictObject({
  qos: z.enum(["gold", "silver", "bronze"]).optional(),
  window: z
    .strictObject({ max_parallel: uint.optional(), max_tokens: uint.optional(), max_usd_micros: uint.optional() })
    .optional(),
  strategy: z.enum(strategies).optional(),
  /** Send text that may still change, marked as such; by default nothing is sent before it is certain. */
  provisional: z.boolean().optional(),
  task_type: z.string().optional(),
  tool_permissions: z.array(z.string()).optional(),
  data_scope: z.array(z.string()).optional(),
  deadline_ms: uint.optional(),
  idempotency_key: z.string().min(1).optional(),
  choices: z.array(z.string()).min(1).optional(),
});

const chatRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.int().min(1).max(8).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  seed: z.int().nullish(),
  tools: z.array(z.unknown()).nullish(),
  tool_choice: z.unknown().optional(),
  response_format: z.unknown().optional(),
  user: z.string().nullish(),
  atp: atpMembers.optional(),
});

/** A checked request, as ATP asks it. */
export interface ChatQuestion {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly provisional: boolean;
  /** How many answers are wanted; each is a stream of its own. */
  readonly n: number;
  readonly qos: Qos | undefined;
  readonly window: Window | undefined;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Models that are strategies; `atp/<adapter>` asks one adapter alone. */
const strategyModels: Readonly<Record<string, Strategy>> = {
  "atp/auto": "auto",
  "atp/cheap": "single",
  "atp/quorum": "quorum",
  "atp/race": "race",
  "atp/cascade": "cascade",
  "atp/fanout": "fanout",
};

/** What `GET /v1/models` lists: the strategies, and each adapter by its name. */
export function modelNames(adapters: readonly string[]): readonly string[] {
  return [...Object.keys(strategyModels), ...adapters.map((name) => `atp/${name}`)];
}

/** Members that change nothing for ATP's models and may be left out without harm. */
const passed = ["top_p", "seed", "tools", "tool_choice", "response_format", "user"] as const;

/**
 * Reads the body of `POST /v1/chat/completions`.
 * @param adapters names of the router's adapters
 * @throws AtpError `EPROTO` that names the member at fault, `ENOROUTE` for a model that is not there
 */
export function readChatRequest(body: unknown, adapters: readonly string[]): ChatQuestion {
  const parsed = chatRequest.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : (issue?.path ?? []);
    const param = where.map(String).join(".");
    throw badRequest(`${param || "the body"}: ${issue?.message ?? "is malformed"}.`, param || null);
  }
  const { data } = parsed;
  const { strategy, adapter } = modelOf(data.model, adapters);
  const { qos, window, provisional = false, choices, strategy: asked, ...meta } = data.atp ?? {};
  const stop = typeof data.stop === "string" ? [data.stop] : data.stop;
  const clip = data.max_completion_tokens ?? data.max_tokens;
  const content: Record<string, unknown> = { messages: data.messages };
  if (clip !== null && clip !== undefined) content["max_output_tokens"] = clip;
  if (data.temperature !== null && data.temperature !== undefined) content["temperature"] = data.temperature;
  if (stop !== null && stop !== undefined) content["stop"] = stop;
  if (choices !== undefined) content["choices"] = choices;
  for (const name of passed) if (data[name] !== null && data[name] !== undefined) content[name] = data[name];
  return {
    model: data.model,
    stream: data.stream === true,
    includeUsage: data.stream_options?.include_usage === true,
    provisional,
    n: data.n ?? 1,
    qos,
    window: window as Window | undefined,
    meta: {
      ...meta,
      strategy: asked ?? strategy,
      ...(adapter === undefined ? {} : { adapters: [adapter] }),
      on_disconnect: "cancel",
    },
    content,
  };
}

function modelOf(model: string, adapters: readonly string[]): { strategy: Strategy; adapter?: string } {
  const strategy = Object.hasOwn(strategyModels, model) ? strategyModels[model] : undefined;
  if (strategy !== undefined) return { strategy };
  const name = model.replace(/^atp\//, "");
  if (adapters.includes(name)) return { strategy: "single", adapter: name };
  const shown = JSON.stringify(model.slice(0, 100));
  throw new AtpError("ENOROUTE", `The model ${shown} is not here. GET /v1/models lists those that are.`, {
    details: { param: "model" },
  });
}
