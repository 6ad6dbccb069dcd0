/**
 * What an OpenAI-compatible server's refusals mean to a router.
 */
import { AdapterError, type AdapterErrorCode } from "../errors.js";

const maxDetailLength = 300;

/** The error of a response that is no success. Reads its body, of which at most 300 characters travel. */
export async function errorOfResponse(response: Response, apiKey: string | undefined): Promise<AdapterError> {
  const body = await response.text().catch(() => "");
  const code = codeOfStatus(response.status);
  // What a provider says about a key may hold a part of it.
  const detail = code === "unauthenticated" || code === "denied" ? "" : detailOf(body, apiKey);
  const message = `the provider answered ${String(response.status)}${detail === "" ? "" : ` (${detail})`}`;
  const retryAfterMs = retryAfterOf(response.headers);
  return new AdapterError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** The error that a server reports inside a stream it had begun. */
export function errorOfEvent(error: unknown, apiKey: string | undefined): AdapterError {
  const type = typeof error === "object" && error !== null ? (error as { type?: unknown }).type : undefined;
  const code = type === "invalid_request_error" ? "invalid" : type === "rate_limit_error" ? "exhausted" : "unavailable";
  return new AdapterError(code, `the provider broke off (${detailOf(JSON.stringify({ error }), apiKey)})`);
}

function codeOfStatus(status: number): AdapterErrorCode {
  if (status === 401) return "unauthenticated";
  if (status === 403) return "denied";
  if (status === 429) return "exhausted";
  if (status === 504) return "timeout";
  if (status === 408 || status === 409 || status === 425 || status >= 500 || status < 400) return "unavailable";
  return "invalid";
}

/** The provider's own words if its body is OpenAI's error shape. */
function detailOf(body: string, apiKey: string | undefined): string {
  let text = "";
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === "string") text = error;
    else if (typeof error === "object" && error !== null) {
      const { message } = error as { message?: unknown };
      if (typeof message === "string") text = message;
    }
  } catch {
    // A page of a proxy says nothing that helps.
  }
  const masked = apiKey === undefined ? text : text.replaceAll(apiKey, "***");
  return masked.replace(/\s+/g, " ").slice(0, maxDetailLength);
}

/** `retry-after-ms`, or `Retry-After` in seconds or as a date, in milliseconds. */
function retryAfterOf(headers: Headers): number | undefined {
  const ms = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (ms >= 0) return ms;
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const seconds = Number(value);
  if (seconds >= 0) return seconds * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
