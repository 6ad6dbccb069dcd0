/**
 * Errors of the wire (A12): a closed set of codes, each with the client's next step.
 */
import { type ErrorCode, isErrorCode, type Retry, retryOf } from "./error-codes.js";

export type { ErrorCode, Retry } from "./error-codes.js";

/** Whether anything was spent: `no` guarantees that nothing was, so that a client may retry by itself. */
export type Processed = "no" | "maybe" | "yes";

/** The content of an `error` payload (A12). */
export interface ErrorContent {
  readonly code: ErrorCode;
  /** What was wrong and what to do. */
  readonly message: string;
  readonly retry: Retry;
  readonly retry_after_ms?: number;
  readonly processed: Processed;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Options of {@link AtpError}. */
export interface AtpErrorOptions {
  /** @default "no" */
  readonly processed?: Processed;
  readonly retryAfterMs?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

const brand = Symbol.for("atp.error");

/** The one error class of ATP: a code of A12, what was wrong, and whether anything was spent. */
export class AtpError extends Error {
  override readonly name: string = "AtpError";
  readonly code: ErrorCode;
  readonly processed: Processed;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** @internal Recognises errors of another copy of this package. */
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, options: AtpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.processed = options.processed ?? "no";
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }

  /** The client's next step for this code. */
  get retry(): Retry {
    return retryOf(this.code);
  }

  /** The payload content that says the same on the wire. */
  toContent(): ErrorContent {
    return {
      code: this.code,
      message: this.message,
      retry: this.retry,
      ...(this.retryAfterMs === undefined ? {} : { retry_after_ms: this.retryAfterMs }),
      processed: this.processed,
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }

  /** Reads an error from the wire; an unknown code becomes `EINTERNAL` with the code in its details. */
  static fromContent(content: ErrorContent): AtpError {
    const known = isErrorCode(content.code);
    return new AtpError(known ? content.code : "EINTERNAL", content.message, {
      processed: content.processed,
      retryAfterMs: content.retry_after_ms,
      details: known ? content.details : { ...content.details, code: content.code },
    });
  }

  /** The way any thrown value enters: an AtpError as it is, all else as `EINTERNAL` with the cause kept. */
  static from(thrown: unknown, code: ErrorCode = "EINTERNAL"): AtpError {
    if (isAtpError(thrown)) return thrown;
    return new AtpError(code, thrown instanceof Error ? thrown.message : String(thrown), {
      processed: "maybe",
      cause: thrown,
    });
  }
}

/** Tells an {@link AtpError}, also one made by another copy of this package. */
export function isAtpError(value: unknown): value is AtpError {
  return typeof value === "object" && value !== null && (value as { [brand]?: unknown })[brand] === true;
}
