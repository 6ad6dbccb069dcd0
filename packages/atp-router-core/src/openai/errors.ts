import type { ServerResponse } from "node:http";
import { AtpError } from "atp-protocol";
import type { ErrorCode, ErrorContent } from "atp-protocol";

/** An error as clients of OpenAI read it. */
export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** What an error of ATP is to such a client: its status, its type and its code. */
const shapes: Readonly<Partial<Record<ErrorCode, readonly [status: number, type: string, code: string | null]>>> = {
  EPROTO: [400, "invalid_request_error", null],
  ETOOBIG: [413, "invalid_request_error", "request_too_large"],
  EAUTH: [401, "authentication_error", "invalid_api_key"],
  EPOLICY: [403, "permission_error", "policy_denied"],
  ESEC: [403, "permission_error", null],
  ENOROUTE: [404, "invalid_request_error", "model_not_found"],
  EDUP: [409, "conflict_error", null],
  ECONSENSUS: [409, "conflict_error", "no_quorum"],
  EBUDGET: [429, "insufficient_quota", "insufficient_quota"],
  EWINDOW: [429, "rate_limit_error", "rate_limit_exceeded"],
  ETIMEOUT: [504, "server_error", "timeout"],
  EAGENTDOWN: [502, "server_error", "no_model_available"],
  EOVERLOAD: [503, "server_error", "overloaded"],
  EPREEMPT: [503, "server_error", "preempted"],
  EDRAINING: [503, "server_error", "shutting_down"],
};

/** An error of ATP in OpenAI's shape. */
export function openAiError(error: ErrorContent, param: string | null = null): { status: number; body: OpenAiError } {
  const [status, type, code] = shapes[error.code] ?? [500, "server_error", null];
  return { status, body: { message: error.message, type, param, code } };
}

/** A request that is wrong in one member. @param param its name */
export function badRequest(message: string, param: string | null): AtpError {
  return new AtpError("EPROTO", message, { details: { param } });
}

/**
 * Answers with an error. What money ended is not worth repeating, although its status is one that clients repeat: they are told so by
 * the header that OpenAI's own clients obey.
 */
export function refuseOpenAi(response: ServerResponse, thrown: unknown): void {
  const error = AtpError.from(thrown).toContent();
  const param = error.details?.["param"];
  const { status, body } = openAiError(error, typeof param === "string" ? param : null);
  const text = JSON.stringify({ error: { ...body, atp: error } });
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "x-should-retry": error.retry === "backoff" && error.processed === "no" ? "true" : "false",
    ...(error.retry_after_ms === undefined ? {} : { "retry-after-ms": String(error.retry_after_ms) }),
  });
  response.end(text);
}
