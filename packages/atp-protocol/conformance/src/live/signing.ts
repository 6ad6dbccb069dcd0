import { createHash, createHmac, randomBytes } from "node:crypto";
import type { Frame } from "../../../src/index.js";
import { needsSeal, nonceOf, sealFrameSync, type SyncDigest } from "../../../src/integrity/index.js";

export const digest: SyncDigest = {
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
  hmacSha256: (key, text) => createHmac("sha256", key).update(text).digest("base64"),
};

/** A frame signed now, with a nonce of its own. */
export function signed(frame: object, key: Uint8Array, nonce = nonceOf(Date.now(), randomBytes(16))): Frame {
  return sealFrameSync(frame as Frame, { digest, key, nonce });
}

/** The text of a frame with its seal behind all else, so that what is odd about the text stays. What is no frame stays as it is. */
export function signedText(text: string, key: Uint8Array): string {
  let frame: Partial<Frame>;
  try {
    frame = JSON.parse(text) as Partial<Frame>;
  } catch {
    return text;
  }
  const { flags, sig } = frame ?? {};
  if (!Array.isArray(flags) || sig !== undefined || !needsSeal(frame as Frame)) return text;
  const { nonce, checksum, sig: made } = signed(frame, key);
  return text.replace(/}\s*$/, `,${JSON.stringify({ nonce, checksum, sig: made }).slice(1)}`);
}
