import { type ErrorCode, type Retry, retryOf } from "./error-codes.js";

/** What a code means outside of the wire. */
export interface ErrorClass {
  /** The client's next step (amendment to A12). */
  readonly retry: Retry;
  /** The HTTP status of the same refusal. */
  readonly http: number;
  /** The gRPC status code number of the same refusal. */
  readonly grpc: number;
}

const numbers = {
  /** Malformed frame, unsupported version, or a frame the state does not allow. */
  EPROTO: { http: 400, grpc: 3 },
  /** A frame or message over its size limit. */
  ETOOBIG: { http: 413, grpc: 8 },
  /** The stream id or idempotency key is in use with other content. */
  EDUP: { http: 409, grpc: 6 },
  /** No, bad or expired credentials. */
  EAUTH: { http: 401, grpc: 16 },
  /** Policy denied; its reasons stand in `details.reasons`. */
  EPOLICY: { http: 403, grpc: 7 },
  /** Signature, replay, session owner or data scope. */
  ESEC: { http: 403, grpc: 7 },
  /** Over a ceiling that waiting frees. */
  EWINDOW: { http: 429, grpc: 8 },
  /** Over tokens or micro-dollars for good. */
  EBUDGET: { http: 402, grpc: 8 },
  /** Shed at admission. */
  EOVERLOAD: { http: 503, grpc: 14 },
  /** Running bronze work cut for gold. */
  EPREEMPT: { http: 503, grpc: 10 },
  /** The deadline passed, or cannot be met. */
  ETIMEOUT: { http: 504, grpc: 4 },
  /** The client cancelled. */
  ECANCELLED: { http: 499, grpc: 1 },
  /** No healthy adapter is left. */
  EAGENTDOWN: { http: 502, grpc: 14 },
  /** No route or adapter fits the task or its context size. */
  ENOROUTE: { http: 404, grpc: 5 },
  /** No quorum, and nothing left to escalate to; the best answer stands in `details`. */
  ECONSENSUS: { http: 409, grpc: 9 },
  /** A SYN arrived with `ttl` 0. */
  ETTL: { http: 508, grpc: 11 },
  /** Unknown or expired resume. */
  ERESUME: { http: 410, grpc: 5 },
  /** Shutting down: go elsewhere. */
  EDRAINING: { http: 503, grpc: 14 },
  /** A defect of the router; `details.id` is in its log too. */
  EINTERNAL: { http: 500, grpc: 13 },
} as const satisfies Record<ErrorCode, Omit<ErrorClass, "retry">>;

/** Every code of A12 with its retry class and its HTTP and gRPC status. */
export const errorClasses = Object.fromEntries(
  Object.entries(numbers).map(([code, both]) => [code, { retry: retryOf(code as ErrorCode), ...both }]),
) as Readonly<Record<ErrorCode, ErrorClass>>;
