import { canonicalJson } from "../codec/canonical.js";
import type { Frame } from "../frame/frame.js";
import { type NonceStore, readNonce } from "./nonce.js";
import type { Digest } from "./web-digest.js";

/** How a frame is sealed. Without a key it gets a checksum only. */
export interface SealOptions {
  readonly digest: Digest;
  /** The principal's key, raw bytes. */
  readonly key?: Uint8Array;
  /** From `nonceOf`; replays of a frame repeat its bytes, nonce included. */
  readonly nonce?: string;
}

/** What a receiver demands. */
export interface VerifyOptions {
  readonly digest: Digest;
  /** The principal's key: a valid `sig` is asked. Absent: a `checksum`, where there is one, must be right. */
  readonly key?: Uint8Array;
  /** Asked on every client frame but ACK and HB. */
  readonly nonces?: { readonly store: NonceStore; readonly principal: string };
  /** Unix milliseconds. */
  readonly nowMs: number;
}

/** Why a frame is not taken: `ESEC` on the wire, and an audit record. */
export type IntegrityFault =
  | "checksum"
  | "signature_missing"
  | "signature"
  | "nonce_missing"
  | "nonce_time"
  | "nonce_seen";

/** The text that is hashed and signed: the canonical JSON without `checksum` and `sig` (A10). */
export function signedText(frame: Frame): string {
  const { checksum: _checksum, sig: _sig, ...rest } = frame;
  return canonicalJson(rest);
}

/** The frame with its `checksum`, and with `nonce` and `sig` where asked. */
export async function sealFrame(frame: Frame, options: SealOptions): Promise<Frame> {
  const named: Frame = options.nonce === undefined ? frame : { ...frame, nonce: options.nonce };
  const text = signedText(named);
  const checksum = `sha256:${await options.digest.sha256(text)}`;
  if (options.key === undefined) return { ...named, checksum };
  return { ...named, checksum, sig: `hmac-sha256:${await options.digest.hmacSha256(options.key, text)}` };
}

/**
 * Checks a frame as parsed, never the received text (A3.3). Numbers that were had before are to be dropped before this, so
 * that an honest replay is not taken for an attack.
 * @returns what is wrong, or null.
 */
export async function verifyFrame(frame: Frame, options: VerifyOptions): Promise<IntegrityFault | null> {
  const text = signedText(frame);
  if (frame.checksum !== undefined) {
    const expected = `sha256:${await options.digest.sha256(text)}`;
    if (!isEqual(frame.checksum, expected)) return "checksum";
  }
  if (options.key !== undefined) {
    if (frame.sig === undefined) return "signature_missing";
    const expected = `hmac-sha256:${await options.digest.hmacSha256(options.key, text)}`;
    if (!isEqual(frame.sig, expected)) return "signature";
  }
  const { nonces } = options;
  if (nonces === undefined || frame.flags.includes("ACK") || frame.flags.includes("HB")) return null;
  if (frame.nonce === undefined) return "nonce_missing";
  const untilMs = readNonce(frame.nonce, options.nowMs);
  if (untilMs === null) return "nonce_time";
  return (await nonces.store.record(nonces.principal, frame.nonce, untilMs, options.nowMs)) ? null : "nonce_seen";
}

/** Compares without telling by its time where two texts differ; their length is no secret. */
function isEqual(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let i = 0; i < right.length; i++) difference |= (left.charCodeAt(i) || 0) ^ right.charCodeAt(i);
  return difference === 0;
}
