import type { ServiceError } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import type { Failure, FailureKind } from "../model/index.js";

/** How the router acts on a gRPC status (B.6). */
const kinds: Readonly<Partial<Record<number, FailureKind>>> = {
  [status.CANCELLED]: "cancelled",
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

/** grpc-js says so when a call never got a connection. */
const neverSent = /No connection established|Failed to connect|Name resolution failed|ECONNREFUSED|ENOTFOUND/i;

/** An adapter's own words, cut to what a message can carry. */
const MAX_MESSAGE = 500;

function pushback(error: ServiceError): number | undefined {
  const [text] = error.metadata?.get("grpc-retry-pushback-ms") ?? [];
  const ms = text === undefined ? NaN : Number(text.toString());
  return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
}

/**
 * The failure of a call that ended with a gRPC status.
 * @param cancelledHere the router cancelled it; a CANCELLED that it did not ask for is the adapter's end
 */
export function statusFailure(error: ServiceError, cancelledHere: boolean): Failure {
  const kind = kinds[error.code] ?? "internal";
  const retryAfterMs = pushback(error);
  const details = (error.details || error.message).slice(0, MAX_MESSAGE);
  const sent = !(error.code === status.UNAVAILABLE && neverSent.test(details));
  return {
    kind: kind === "cancelled" && !cancelledHere ? "unavailable" : kind,
    message: sent ? details : "cannot be reached",
    sent,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
