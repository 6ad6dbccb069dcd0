/**
 * Errors of the wire (A12): a closed set of codes, each with the client's next step.
 */

/** What a client may do about an error. */
export type Retry = "never" | "same" | "backoff" | "new_session" | "reauth";

/** Whether anything was spent: `no` guarantees that nothing was, so that a client may retry by itself. */
export type Processed = "no" | "maybe" | "yes";

interface ErrorClass {
  /** The client's next step (amendment to A12). */
  readonly retry: Retry;
  /** The HTTP status of the same refusal. */
  readonly http: number;
  /** The gRPC status code number of the same refusal. */
  readonly grpc: number;
}

/** Every code of A12 with its retry class and its HTTP and gRPC status. */
export const errorClasses = {
  /** Malformed frame, unsupported version, or a frame the state does not allow. */
  EPROTO: { retry: "never", http: 400, grpc: 3 },
  /** A frame or message over its size limit. */
  ETOOBIG: { retry: "never", http: 413, grpc: 8 },
  /** The stream id or idempotency key is in use with other content. */
  EDUP: { retry: "never", http: 409, grpc: 6 },
  /** No, bad or expired credentials. */
  EAUTH: { retry: "reauth", http: 401, grpc: 16 },
  /** Policy denied; its reasons stand in `details.reasons`. */
  EPOLICY: { retry: "never", http: 403, grpc: 7 },
  /** Signature, replay, session owner or data scope. */
  ESEC: { retry: "never", http: 403, grpc: 7 },
  /** Over a ceiling that waiting frees. */
  EWINDOW: { retry: "backoff", http: 429, grpc: 8 },
  /** Over tokens or micro-dollars for good. */
  EBUDGET: { retry: "never", http: 402, grpc: 8 },
  /** Shed at admission. */
  EOVERLOAD: { retry: "backoff", http: 503, grpc: 14 },
  /** Running bronze work cut for gold. */
  EPREEMPT: { retry: "backoff", http: 503, grpc: 10 },
  /** The deadline passed, or cannot be met. */
  ETIMEOUT: { retry: "never", http: 504, grpc: 4 },
  /** The client cancelled. */
  ECANCELLED: { retry: "never", http: 499, grpc: 1 },
  /** No healthy adapter is left. */
  EAGENTDOWN: { retry: "backoff", http: 502, grpc: 14 },
  /** No route or adapter fits the task or its context size. */
  ENOROUTE: { retry: "never", http: 404, grpc: 5 },
  /** No quorum, and nothing left to escalate to; the best answer stands in `details`. */
  ECONSENSUS: { retry: "never", http: 409, grpc: 9 },
  /** A SYN arrived with `ttl` 0. */
  ETTL: { retry: "never", http: 508, grpc: 11 },
  /** Unknown or expired resume. */
  ERESUME: { retry: "new_session", http: 410, grpc: 5 },
  /** Shutting down: go elsewhere. */
  EDRAINING: { retry: "backoff", http: 503, grpc: 14 },
  /** A defect of the router; `details.id` is in its log too. */
  EINTERNAL: { retry: "backoff", http: 500, grpc: 13 },
} as const satisfies Record<string, ErrorClass>;

/** A code of A12. */
export type ErrorCode = keyof typeof errorClasses;

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
  readonly retryAfterMs?: number;
  readonly details?: Readonly<Record<string, unknown>>;
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
    return errorClasses[this.code].retry;
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
    const known = Object.hasOwn(errorClasses, content.code);
    return new AtpError(known ? content.code : "EINTERNAL", content.message, {
      processed: content.processed,
      ...(content.retry_after_ms === undefined ? {} : { retryAfterMs: content.retry_after_ms }),
      ...(known
        ? content.details === undefined
          ? {}
          : { details: content.details }
        : { details: { ...content.details, code: content.code } }),
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
