import { AtpError } from "atp-protocol";
import type { CloseAction, Processed } from "atp-protocol";
import type { Down } from "./session-host.js";

/**
 * What can end a run on this side of the wire. A refusal by the router is no such error: it is an `AtpError` with a code of the wire.
 *
 * Of an {@link AtpDropError}:
 * - `ECUT`: the connection was lost before the stream's end, and it cannot be resumed. The answer is not known; the router
 *   may have spent.
 * - `ECONNECT`: no connection could be made. Nothing was sent.
 * - `EQUEUE`: nothing was sent, and what waits for a connection is over its bound.
 * - `EPEER`: the router ended the stream with something that is no answer and no error.
 *
 * Of an {@link AtpCancelError}:
 * - `EABORT`: this side cancelled, by `cancel()`, an AbortSignal or `close()`.
 * - `EDETACHED`: this side let go of the run by `detach()`; it goes on at the router.
 */
export type LocalErrorCode = "ECUT" | "ECONNECT" | "EQUEUE" | "EPEER" | "EABORT" | "EDETACHED";

/** Options of {@link AtpLocalError}. */
export interface AtpLocalErrorOptions {
  readonly processed: Processed;
  /** Code of the WebSocket close that caused it. */
  readonly closeCode?: number | undefined;
  readonly cause?: unknown;
}

const brand = Symbol.for("atp.local-error");

/** An error that no router sent: an {@link AtpDropError} or an {@link AtpCancelError}. */
export class AtpLocalError extends Error {
  override readonly name: string = "AtpLocalError";
  readonly code: LocalErrorCode;
  /** Whether anything may have been spent: `no` guarantees that nothing was. */
  readonly processed: Processed;
  readonly closeCode: number | undefined;
  /** @internal Recognises errors of another copy of this package. */
  readonly [brand] = true;

  constructor(code: LocalErrorCode, message: string, { processed, closeCode, cause }: AtpLocalErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.processed = processed;
    this.closeCode = closeCode;
  }
}

/** The connection was lost, could not be made, or brought something that is no answer: `ECUT ECONNECT EQUEUE EPEER`. */
export class AtpDropError extends AtpLocalError {
  override readonly name = "AtpDropError";
}

/** This side gave the run up: `EABORT EDETACHED`. */
export class AtpCancelError extends AtpLocalError {
  override readonly name = "AtpCancelError";
}

/** Tells an {@link AtpLocalError}, also one made by another copy of this package, and optionally one of a given code. */
export function isAtpLocalError(value: unknown, code?: LocalErrorCode): value is AtpLocalError {
  if (typeof value !== "object" || value === null || (value as { [brand]?: unknown })[brand] !== true) return false;
  return code === undefined || (value as AtpLocalError).code === code;
}

/** Tells an {@link AtpCancelError}, also one made by another copy of this package. */
export function isAtpCancelError(value: unknown): value is AtpCancelError {
  return isAtpLocalError(value, "EABORT") || isAtpLocalError(value, "EDETACHED");
}

/** Tells an {@link AtpDropError}, also one made by another copy of this package. */
export function isAtpDropError(value: unknown): value is AtpDropError {
  return isAtpLocalError(value) && !isAtpCancelError(value);
}

/** The error of a stream that ended without FIN or RST (A4.3): never a success. */
export function cutError(closeCode: number, reason: string): AtpDropError {
  const why = reason === "" ? `close code ${closeCode}` : `${reason} (close code ${closeCode})`;
  return new AtpDropError("ECUT", `The connection was lost before the answer was complete: ${why}. Ask again.`, {
    processed: "maybe",
    closeCode,
  });
}

/** The error of a run that this side cancelled. */
export function abortError(reason: string | undefined, processed: Processed, cause?: unknown): AtpCancelError {
  const why = reason === undefined || reason === "" ? "" : `: ${reason}`;
  return new AtpCancelError("EABORT", `The run was cancelled${why}.`, { processed, cause });
}

/** The error of a run that never left: no connection could be made. */
export function connectError(message: string, closeCode?: number, cause?: unknown): AtpDropError {
  return new AtpDropError("ECONNECT", message, { processed: "no", closeCode, cause });
}

/** Why no connection came about, or why one was lost for good, for runs that were never sent. */
export function downError(down: Down, action: CloseAction, url: string): Error {
  const why = down.reason === "" ? `close code ${down.code}` : down.reason;
  if (down.error !== null) return down.error;
  if (down.code === 4401 || action === "reauth")
    return new AtpError("EAUTH", `The router asks for other credentials: ${why}.`);
  if (down.code === 4403) return new AtpError("ESEC", `The router does not let this client in: ${why}.`);
  return connectError(`No connection to ${url}: ${why}.`, down.code);
}
