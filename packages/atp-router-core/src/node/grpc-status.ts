import type { ServiceError } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
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

/** What it says when it refused a message itself: an adapter's fault, not its capacity. */
const tooLarge = /^Received message (larger than max|that decompresses)/;

/** An adapter's own words, cut to what a message can carry. */
const MAX_MESSAGE = 500;

/** What is known of a call that failed, beside its status. */
export interface CallEnd {
  /** The router cancelled it; a CANCELLED that it did not ask for is the adapter's end. */
  readonly cancelledHere: boolean;
  /** The call got a connection, so that the adapter may have seen it. */
  readonly connected: boolean;
}

/** The failure of a call that ended with a gRPC status. */
export function statusFailure(error: ServiceError, { cancelledHere, connected }: CallEnd): Failure {
  const kind = kindOf(error, cancelledHere);
  const retryAfterMs = pushback(error);
  return {
    kind,
    message: messageOf(error, kind, connected),
    sent: connected,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function kindOf(error: ServiceError, cancelledHere: boolean): FailureKind {
  if (error.code === status.RESOURCE_EXHAUSTED && tooLarge.test(error.details)) return "protocol";
  const kind = kinds[error.code] ?? "internal";
  return kind === "cancelled" && !cancelledHere ? "unavailable" : kind;
}

/** For people: the adapter's own words, and none of the client library's. */
function messageOf(error: ServiceError, kind: FailureKind, connected: boolean): string {
  if (!connected && kind === "unavailable") return "cannot be reached";
  if (error.details.startsWith("Deadline exceeded after")) return "did not answer in time";
  const [line = ""] = error.details.split("\n", 1);
  return line === "" ? `ended with ${status[error.code] ?? `status ${error.code}`}` : line.slice(0, MAX_MESSAGE);
}

/** How long the adapter asks to be left alone, in ms. */
function pushback(error: ServiceError): number | undefined {
  const [text] = error.metadata?.get("grpc-retry-pushback-ms") ?? [];
  const ms = text === undefined ? Number.NaN : Number(text.toString());
  return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
}
