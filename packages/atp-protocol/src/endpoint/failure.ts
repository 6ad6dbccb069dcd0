import type { FatalCode } from "../frame/error-codes.js";
import type { ErrorContent, Processed } from "../frame/errors.js";

/** The telemetry of a refusal: nothing was spent (A11). */
export const NOTHING_SPENT = { tokens: 0, usd: 0, latency_ms: 0 } as const;

/** The content of an error that no retry helps, with the rule that was broken. All that a client tells is of this kind. */
export function errorOf(
  code: FatalCode,
  rule: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  processed: Processed = "no",
): ErrorContent {
  return { code, message, retry: "never", processed, details: { rule, ...details } };
}

/** A message over a limit (A6). */
export function tooBigError(bytes: number, limit: number, processed: Processed): ErrorContent {
  return errorOf("ETOOBIG", "A6", `a message of ${bytes} bytes is over ${limit}`, { bytes, limit }, processed);
}
