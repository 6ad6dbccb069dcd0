/**
 * The request as an author receives it: `prompt_json` parsed and checked once, at the edge.
 */
import { AdapterError } from "./errors.js";

/** One turn of a conversation, its content as plain text. */
export interface RequestMessage {
  readonly role: string;
  /** The text of the turn; parts that are not text are left out here and stay in `content` of the request. */
  readonly text: string;
}

/** A checked request. */
export interface AdapterRequest {
  /** The router's name of this call; not the client's. */
  readonly streamId: string;
  /** Empty when the caller set none. */
  readonly taskType: string;
  /** The turns; a request with `prompt` has one of role `user`. Never empty. */
  readonly messages: readonly RequestMessage[];
  readonly system: string | undefined;
  readonly maxOutputTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly stop: readonly string[];
  /** OpenAI's shape, as received. */
  readonly tools: readonly unknown[];
  readonly toolChoice: unknown;
  readonly responseFormat: unknown;
  /** A closed answer set; empty when any answer will do. */
  readonly choices: readonly string[];
  /** Which clone this call is, from 0. */
  readonly sample: number;
  /** Memory that the router fetched, by key. */
  readonly context: Readonly<Record<string, unknown>>;
  /** The text of the last turn of the user. */
  readonly question: string;
  /** Everything to read as one plain text: the system text, then the turns, with their roles when there are several. */
  readonly promptText: string;
  /** The whole content as received, for members that this list does not name. Untrusted. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** What travels beside the call (B.5). All optional. */
export interface CallMetadata {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /** A keyed hash of the session. */
  readonly session: string | undefined;
  readonly qos: string | undefined;
  /** @default 0 */
  readonly attempt: number;
}

/** The fields of the wire that a request is made of. */
export interface RawRequest {
  readonly streamId: string;
  readonly taskType: string;
  readonly promptJson: string;
  readonly maxOutputTokens: bigint;
  readonly contextJson?: string;
  readonly sample?: number;
}

/** Parses and checks a request. @throws AdapterError `invalid` that names the member that is wrong */
export function parseRequest(raw: RawRequest): AdapterRequest {
  const content = parseObject(raw.promptJson, "prompt_json");
  const messages = messagesOf(content);
  const system = optional(content, "system", "string");
  const lastUser = messages.findLast((message) => message.role === "user") ?? messages[messages.length - 1];
  return {
    streamId: raw.streamId,
    taskType: raw.taskType,
    messages,
    system,
    maxOutputTokens: maxOutputTokensOf(raw.maxOutputTokens, content),
    temperature: optional(content, "temperature", "number"),
    stop: stopOf(content),
    tools: arrayOf(content, "tools"),
    toolChoice: content["tool_choice"],
    responseFormat: content["response_format"],
    choices: stringsOf(content, "choices"),
    sample: raw.sample ?? 0,
    context:
      raw.contextJson === undefined || raw.contextJson === "" ? {} : parseObject(raw.contextJson, "context_json"),
    question: lastUser?.text ?? "",
    promptText: joinTexts(system, messages),
    content,
  };
}

/** Reads the router's metadata (B.5). */
export function parseMetadata(headers: Headers): CallMetadata {
  const attempt = Number(headers.get("atp-attempt") ?? "0");
  return {
    traceparent: headers.get("traceparent") ?? undefined,
    tracestate: headers.get("tracestate") ?? undefined,
    session: headers.get("atp-session") ?? undefined,
    qos: headers.get("atp-qos") ?? undefined,
    attempt: Number.isSafeInteger(attempt) && attempt >= 0 ? attempt : 0,
  };
}

type Content = Readonly<Record<string, unknown>>;

function parseObject(json: string, field: string): Content {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalid(`${field} is not JSON`);
  }
  if (!isObject(value)) throw invalid(`${field} must be a JSON object`);
  return value;
}

function messagesOf(content: Content): RequestMessage[] {
  const { prompt, messages } = content;
  if (typeof prompt === "string") return [{ role: "user", text: prompt }];
  if (prompt !== undefined) throw invalid("prompt must be a string");
  if (messages === undefined) throw invalid("the request needs `prompt` or `messages`");
  if (!Array.isArray(messages) || messages.length === 0) throw invalid("messages must be a non-empty array");
  return messages.map((message: unknown, index) => {
    const at = `messages[${String(index)}]`;
    if (!isObject(message)) throw invalid(`${at} must be an object`);
    if (typeof message["role"] !== "string") throw invalid(`${at}.role must be a string`);
    return { role: message["role"], text: textOf(message["content"], `${at}.content`) };
  });
}

/** A turn's text: a string, or OpenAI's array of parts; absent beside tool calls. */
function textOf(content: unknown, at: string): string {
  if (typeof content === "string") return content;
  if (content === undefined || content === null) return "";
  if (!Array.isArray(content)) throw invalid(`${at} must be a string or an array of parts`);
  const texts: string[] = [];
  for (const part of content as unknown[]) {
    if (!isObject(part)) throw invalid(`${at} must hold objects`);
    if (typeof part["text"] === "string") texts.push(part["text"]);
  }
  return texts.join("\n");
}

function joinTexts(system: string | undefined, messages: readonly RequestMessage[]): string {
  const turns = messages.length === 1 ? [messages[0]?.text ?? ""] : messages.map((m) => `${m.role}: ${m.text}`);
  return (system === undefined ? turns : [system, ...turns]).join("\n\n");
}

function maxOutputTokensOf(field: bigint, content: Content): number | undefined {
  if (field > 0n) return field > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(field);
  const value = optional(content, "max_output_tokens", "number");
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || value < 0) throw invalid("max_output_tokens must be a non-negative integer");
  return value === 0 ? undefined : value;
}

function stopOf(content: Content): readonly string[] {
  const { stop } = content;
  return typeof stop === "string" ? [stop] : stringsOf(content, "stop");
}

function stringsOf(content: Content, member: string): readonly string[] {
  const values = arrayOf(content, member);
  if (!values.every((value) => typeof value === "string")) throw invalid(`${member} must hold strings`);
  return values;
}

function arrayOf(content: Content, member: string): readonly unknown[] {
  const value = content[member];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`${member} must be an array`);
  return value;
}

function optional(content: Content, member: string, type: "string"): string | undefined;
function optional(content: Content, member: string, type: "number"): number | undefined;
function optional(content: Content, member: string, type: string): unknown {
  const value = content[member];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw invalid(`${member} must be a ${type}`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): AdapterError {
  return new AdapterError("invalid", message);
}
