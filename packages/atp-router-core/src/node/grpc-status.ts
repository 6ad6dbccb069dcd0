import { constants } from "node:http2";
import type { Failure, FailureKind } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";

/** Hears of what an adapter does wrong but can be worked with. */
export type Warn = (message: string) => void;

/** An answer that breaks the contract of part B. */
export function broken(message: string): AdapterFailure {
  return new AdapterFailure({ kind: "protocol", message, sent: true });
}

/**
 * A share of 0 to 1; one outside is clamped and told (B.4).
 * @throws AdapterFailure `protocol` when it is NaN or infinite
 */
export function clampedShare(value: number, name: string, warn: Warn): number {
  if (!Number.isFinite(value)) throw broken(`${name} is ${value}, not a number`);
  if (value >= 0 && value <= 1) return value;
  warn(`${name} is ${value}, outside 0 to 1, and was clamped`);
  return value < 0 ? 0 : 1;
}

/** gRPC's status codes. */
export const status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

const names = new Map<number, string>(Object.entries(status).map(([name, code]) => [code, name]));

/** How the router acts on a gRPC status (B.6). A CANCELLED that the router did not ask for is the adapter's end. */
const kinds: Readonly<Partial<Record<number, FailureKind>>> = {
  [status.CANCELLED]: "unavailable",
  [status.INVALID_ARGUMENT]: "rejected",
  [status.DEADLINE_EXCEEDED]: "timeout",
  [status.NOT_FOUND]: "rejected",
  [status.PERMISSION_DENIED]: "rejected",
  [status.RESOURCE_EXHAUSTED]: "exhausted",
  [status.FAILED_PRECONDITION]: "rejected",
  [status.ABORTED]: "unavailable",
  [status.OUT_OF_RANGE]: "rejected",
  [status.UNIMPLEMENTED]: "rejected",
  [status.UNAVAILABLE]: "unavailable",
  [status.UNAUTHENTICATED]: "rejected",
};

/** An adapter's own words, cut to what a message can carry. */
const MAX_MESSAGE = 500;

/** How a call ended. */
export interface CallEnd {
  /** The adapter's own status; absent when it gave none. */
  readonly code?: number;
  /** Absent when the status is OK. */
  readonly failure?: Failure;
}

/**
 * The end that an adapter told by a status.
 * @param text the adapter's words, for people
 * @param pushback the value of `grpc-retry-pushback-ms`: how long the adapter asks to be left alone
 */
export function statusEnd(code: number, text: string, pushback?: unknown): CallEnd {
  if (code === status.OK) return { code };
  const kind = kinds[code] ?? "internal";
  const [line = ""] = text.split("\n", 1);
  const message = line === "" ? `ended with ${names.get(code) ?? `status ${code}`}` : line.slice(0, MAX_MESSAGE);
  const retryAfterMs = typeof pushback === "string" && /^\d{1,15}$/.test(pushback) ? Number(pushback) : undefined;
  return { code, failure: { kind, message, sent: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } };
}

/** gRPC's reading of an HTTP status that came without a gRPC status. */
const httpCodes: Readonly<Partial<Record<number, number>>> = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
};

/** The end of a call that something other than a gRPC server answered. */
export function httpEnd(httpStatus: number, contentType: string | undefined): CallEnd {
  const text =
    httpStatus === 200
      ? `answered with content-type ${contentType ?? "none"}, which is not gRPC`
      : `answered with HTTP status ${httpStatus}`;
  return withoutCode(statusEnd(httpCodes[httpStatus] ?? status.UNKNOWN, text));
}

/** gRPC's reading of the codes of RST_STREAM; all others are INTERNAL. One without an error is how servers go that are ended. */
const resetCodes: Readonly<Partial<Record<number, number>>> = {
  [constants.NGHTTP2_NO_ERROR]: status.UNAVAILABLE,
  [constants.NGHTTP2_CANCEL]: status.CANCELLED,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: status.RESOURCE_EXHAUSTED,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: status.PERMISSION_DENIED,
};

/** The end of a call whose stream the adapter closed without a status. */
export function resetEnd(code: number): CallEnd {
  const text =
    code === constants.NGHTTP2_NO_ERROR ? "ended without a status" : `reset the call with HTTP/2 code ${code}`;
  return withoutCode(statusEnd(resetCodes[code] ?? status.INTERNAL, text));
}

/** A status that stands for what was heard must not be taken for one that an adapter told. */
function withoutCode({ failure }: CallEnd): CallEnd {
  return failure === undefined ? {} : { failure };
}
