import { type ErrorCode, retryOf } from "../frame/error-codes.js";
import type { ErrorContent, Processed } from "../frame/errors.js";

/** Router: the content of an error with its retry class and the rule that was broken. */
export function routerError(
  code: ErrorCode,
  rule: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  processed: Processed = "no",
): ErrorContent {
  return { code, message, retry: retryOf(code), processed, details: { rule, ...details } };
}
