/** What a client may do about an error. */
export type Retry = "never" | "same" | "backoff" | "new_session" | "reauth";

/** Codes of A12 by the client's next step. Their HTTP and gRPC numbers, and what each means, are in `error-classes.ts`. */
const codes = {
  never: [
    "EPROTO",
    "ETOOBIG",
    "EDUP",
    "EPOLICY",
    "ESEC",
    "EBUDGET",
    "ETIMEOUT",
    "ECANCELLED",
    "ENOROUTE",
    "ECONSENSUS",
    "ETTL",
  ],
  backoff: ["EWINDOW", "EOVERLOAD", "EPREEMPT", "EAGENTDOWN", "EDRAINING", "EINTERNAL"],
  reauth: ["EAUTH"],
  new_session: ["ERESUME"],
} as const satisfies Partial<Record<Retry, readonly string[]>>;

/** A code of A12. */
export type ErrorCode = (typeof codes)[keyof typeof codes][number];

/** A code that no retry helps. */
export type FatalCode = (typeof codes)["never"][number];

const retries = new Map(
  Object.entries(codes).flatMap(([retry, all]) => all.map((code): [string, Retry] => [code, retry as Retry])),
);

/** Whether this is a code of A12. */
export function isErrorCode(code: string): code is ErrorCode {
  return retries.has(code);
}

/** The client's next step for a code. */
export function retryOf(code: ErrorCode): Retry {
  return retries.get(code) ?? "never";
}
