import { canonicalJson } from "../codec/canonical.js";
import { encodeFrame } from "../codec/json.js";
import type { Frame } from "../frame/frame.js";
import { type NonceStore, readNonce } from "./nonce.js";
import type { Digest, SyncDigest } from "./web-digest.js";

/** How a frame is sealed. Without a key it gets a checksum only. */
export interface SealOptions<D extends Digest = Digest> {
  readonly digest: D;
  /** The principal's key, raw bytes. */
  readonly key?: Uint8Array | undefined;
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

/** What is wrong with a frame's seal. */
export type SealFault = "checksum" | "signature_missing" | "signature";

/** Why a frame is not taken: `ESEC` on the wire, and an audit record. */
export type IntegrityFault = SealFault | "nonce_missing" | "nonce_time" | "nonce_seen";

/** The text that is hashed and signed: the canonical JSON without `checksum` and `sig` (A10). */
export function signedText(frame: Frame): string {
  const { checksum: _checksum, sig: _sig, ...rest } = frame;
  return canonicalJson(rest);
}

/** ACK and HB carry nothing that a signature protects, and would cost one for each message (A10). SYN+ACK is an answer. */
export function needsSeal({ flags }: Frame): boolean {
  return !flags.includes("HB") && (!flags.includes("ACK") || flags.includes("SYN"));
}

/** The frame with its `checksum`, and with `nonce` and `sig` where asked. */
export function sealFrameSync(frame: Frame, { digest, key, nonce }: SealOptions<SyncDigest>): Frame {
  const [named, text] = namedBy(frame, nonce);
  return sealedBy(named, digest.sha256(text), key && digest.hmacSha256(key, text));
}

/** The same by hashes that take their time. */
export async function sealFrame(frame: Frame, { digest, key, nonce }: SealOptions): Promise<Frame> {
  const [named, text] = namedBy(frame, nonce);
  return sealedBy(named, await digest.sha256(text), key && (await digest.hmacSha256(key, text)));
}

/** The frame with its nonce, and the text to sign. Half a surrogate pair leaves as U+FFFD, so that is what is signed. */
function namedBy(frame: Frame, nonce: string | undefined): readonly [Frame, string] {
  const named: Frame = nonce === undefined ? frame : { ...frame, nonce };
  const text = signedText(named);
  if (!text.includes("\\ud")) return [named, text];
  const whole = JSON.parse(encodeFrame(named)) as Frame;
  return [whole, signedText(whole)];
}

function sealedBy(frame: Frame, sum: string, mac: string | undefined): Frame {
  const checksum = `sha256:${sum}`;
  return mac === undefined ? { ...frame, checksum } : { ...frame, checksum, sig: `hmac-sha256:${mac}` };
}

/**
 * Checks a frame's checksum and signature as parsed, never the received text (A3.3).
 * @param options.key the principal's: a valid `sig` is asked on all that {@link needsSeal}. Absent: a `checksum`, where there is
 * one, must be right.
 * @returns what is wrong, or null
 */
export function sealFault(
  frame: Frame,
  { digest, key }: { readonly digest: SyncDigest; readonly key?: Uint8Array | undefined },
): SealFault | null {
  const asked = whatToCheck(frame, key);
  if (asked === null || typeof asked === "string") return asked;
  const { text, signer } = asked;
  return wrongIn(
    frame,
    frame.checksum === undefined ? undefined : digest.sha256(text),
    signer && digest.hmacSha256(signer, text),
  );
}

/**
 * Checks a frame as parsed, never the received text (A3.3). Numbers that were had before are to be dropped before this, so
 * that an honest replay is not taken for an attack.
 * @returns what is wrong, or null.
 */
export async function verifyFrame(frame: Frame, options: VerifyOptions): Promise<IntegrityFault | null> {
  const { digest, key, nonces, nowMs } = options;
  const asked = whatToCheck(frame, key);
  if (typeof asked === "string") return asked;
  if (asked !== null) {
    const sum = frame.checksum === undefined ? undefined : await digest.sha256(asked.text);
    const fault = wrongIn(frame, sum, asked.signer && (await digest.hmacSha256(asked.signer, asked.text)));
    if (fault !== null) return fault;
  }
  return nonces === undefined ? null : nonceFault(frame, nonces.store, nonces.principal, nowMs);
}

/**
 * Checks a client frame's nonce and records it. `owner`: see {@link NonceStore.record}.
 * @returns what is wrong, or null; at once when the store answers at once
 */
export function nonceFault(
  frame: Frame,
  store: NonceStore,
  principal: string,
  nowMs: number,
  owner?: string,
): Promise<IntegrityFault | null> | IntegrityFault | null {
  if (!needsSeal(frame)) return null;
  if (frame.nonce === undefined) return "nonce_missing";
  const untilMs = readNonce(frame.nonce, nowMs);
  if (untilMs === null) return "nonce_time";
  const fresh = store.record(principal, frame.nonce, untilMs, nowMs, owner);
  return fresh instanceof Promise ? fresh.then(seen) : seen(fresh);
}

const seen = (fresh: boolean): IntegrityFault | null => (fresh ? null : "nonce_seen");

/** What is to be compared; null: nothing. */
function whatToCheck(
  frame: Frame,
  key: Uint8Array | undefined,
): { readonly text: string; readonly signer: Uint8Array | undefined } | SealFault | null {
  // A signature that nobody asks for is looked at where there is a key.
  const signer = frame.sig === undefined && !needsSeal(frame) ? undefined : key;
  if (signer !== undefined && frame.sig === undefined) return "signature_missing";
  return signer === undefined && frame.checksum === undefined ? null : { text: signedText(frame), signer };
}

function wrongIn({ checksum, sig }: Frame, sum: string | undefined, mac: string | undefined): SealFault | null {
  if (checksum !== undefined && !isEqual(checksum, `sha256:${sum ?? ""}`)) return "checksum";
  return mac !== undefined && !isEqual(sig ?? "", `hmac-sha256:${mac}`) ? "signature" : null;
}

/** Compares without telling by its time where two texts differ; their length is no secret. */
function isEqual(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let i = 0; i < right.length; i++) difference |= (left.charCodeAt(i) || 0) ^ right.charCodeAt(i);
  return difference === 0;
}
