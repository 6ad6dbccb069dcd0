import { AdapterFailure, type Failure, type FailureKind } from "atp-router-core";

/** gRPC status codes by number, as the router acts on them (B.6). */
const kinds: Readonly<Record<number, FailureKind>> = {
  1: "cancelled",
  3: "rejected",
  4: "timeout",
  7: "rejected",
  8: "exhausted",
  9: "rejected",
  10: "unavailable",
  14: "unavailable",
  16: "rejected",
};

/** The failure of a call that ended with a gRPC status. A `CANCELLED` that nobody here asked for is the adapter's end. */
export function statusFailure(code: number, message: string, cancelledHere: boolean): Failure {
  const kind = kinds[code] ?? "internal";
  return { kind: kind === "cancelled" && !cancelledHere ? "unavailable" : kind, message, sent: true };
}

/** The failure in whatever was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AdapterFailure) return error.failure;
  return { kind: "unavailable", message: error instanceof Error ? error.message : String(error), sent: true };
}
