/**
 * How a failure of an adapter reaches the router: a gRPC status of B.6, and a message that holds no secret.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { errorClasses, isAtpError } from "atp-protocol";

/** Every code of an {@link AdapterError} with its gRPC status. What the router does with it: B.6. */
export const adapterErrorCodes = {
  /** The provider cannot be reached or is down. The router goes elsewhere. */
  unavailable: Code.Unavailable,
  /** A rate or capacity limit. The router goes elsewhere, and comes back after `retryAfterMs`. */
  exhausted: Code.ResourceExhausted,
  /** The call was cut for a reason of the provider's. The router goes elsewhere. */
  aborted: Code.Aborted,
  /** The provider took too long. */
  timeout: Code.DeadlineExceeded,
  /** The request can never be served. No retry. */
  invalid: Code.InvalidArgument,
  /** The provider refused the request. No retry. */
  denied: Code.PermissionDenied,
  /** The provider refused the adapter's credentials. No retry. */
  unauthenticated: Code.Unauthenticated,
  /** The request does not fit the adapter, such as its context length. No retry. */
  precondition: Code.FailedPrecondition,
  /** A defect. */
  internal: Code.Internal,
} as const;

/** A code of {@link AdapterError}. */
export type AdapterErrorCode = keyof typeof adapterErrorCodes;

/** Options of {@link AdapterError}. */
export interface AdapterErrorOptions {
  /** When to come back; travels as the standard trailer `grpc-retry-pushback-ms`. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

const brand = Symbol.for("atp.adapter-error");

/** The error an author throws to tell the router what to do next. Its message is sent as it is: keep secrets out. */
export class AdapterError extends Error {
  override readonly name: string = "AdapterError";
  readonly code: AdapterErrorCode;
  readonly retryAfterMs: number | undefined;
  /** @internal Recognises errors of another copy of this package. */
  readonly [brand] = true;

  constructor(code: AdapterErrorCode, message: string, options: AdapterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Tells an {@link AdapterError}, also one made by another copy of this package. */
export function isAdapterError(value: unknown): value is AdapterError {
  return typeof value === "object" && value !== null && (value as { [brand]?: unknown })[brand] === true;
}

/** What the kit needs to turn a throw into a status. */
export interface ThrowContext {
  /** The call's signal: a throw after it fired is the cancel, not a failure of the adapter. */
  readonly signal: AbortSignal;
  /** Told of a throw whose text must not travel, with the id that travels instead. */
  readonly onInternal: (id: string, thrown: unknown) => void;
}

let internalErrors = 0;

/** The gRPC status of anything thrown. Unknown throws become INTERNAL with an id that the adapter's log has too. */
export function toConnectError(thrown: unknown, context: ThrowContext): ConnectError {
  if (context.signal.aborted) return cancelStatus(context.signal.reason);
  if (isAdapterError(thrown)) return withPushback(thrown.message, adapterErrorCodes[thrown.code], thrown.retryAfterMs);
  if (isAtpError(thrown)) {
    return withPushback(`${thrown.message} (${thrown.code})`, errorClasses[thrown.code].grpc, thrown.retryAfterMs);
  }
  if (thrown instanceof ConnectError) {
    // Nobody cancelled here, so it was the upstream's own doing: another adapter may do better.
    const code = thrown.code === Code.Canceled ? Code.Unavailable : thrown.code;
    return new ConnectError(thrown.rawMessage, code, pushbackOf(thrown));
  }
  if (thrown instanceof Error && thrown.name === "TimeoutError") {
    return new ConnectError("the adapter's own time limit passed", Code.DeadlineExceeded);
  }
  const networkCode = networkErrorCode(thrown);
  if (networkCode !== undefined) {
    return new ConnectError(`the provider cannot be reached (${networkCode})`, Code.Unavailable);
  }
  internalErrors += 1;
  const id = `${process.pid.toString(36)}-${internalErrors.toString(36)}`;
  context.onInternal(id, thrown);
  return new ConnectError(`the adapter failed and its log has the cause under ${id}`, Code.Internal);
}

/** The status of a call whose signal fired: its deadline, the end of the server, or the caller's cancel. */
export function cancelStatus(reason: unknown): ConnectError {
  if (reason instanceof ConnectError && reason.code !== Code.Unknown && reason.code !== Code.Internal) return reason;
  return new ConnectError("the call was cancelled", Code.Canceled);
}

function withPushback(message: string, code: Code, retryAfterMs: number | undefined): ConnectError {
  if (retryAfterMs === undefined || !Number.isFinite(retryAfterMs)) return new ConnectError(message, code);
  return new ConnectError(message, code, {
    "grpc-retry-pushback-ms": String(Math.max(0, Math.ceil(retryAfterMs))),
  });
}

/** A relayed error keeps only the pushback: other trailers of an upstream may hold what is not ours to pass on. */
function pushbackOf(error: ConnectError): Record<string, string> {
  const pushback = error.metadata.get("grpc-retry-pushback-ms");
  return pushback === null ? {} : { "grpc-retry-pushback-ms": pushback };
}

const networkCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_SOCKET",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);

/** The system's name of a network failure, looked for along `cause`: fetch hides it one level down. */
function networkErrorCode(thrown: unknown): string | undefined {
  let error = thrown;
  for (let depth = 0; depth < 4 && error instanceof Error; depth += 1) {
    const code = (error as { code?: unknown }).code;
    if (typeof code === "string" && networkCodes.has(code)) return code;
    error = error.cause;
  }
  return undefined;
}
