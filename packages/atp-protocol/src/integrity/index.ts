/**
 * Integrity of frames (A10): checksums, signatures and nonces over the canonical JSON. Hashing is injected, so that it runs
 * on Web Crypto in a browser and on anything else elsewhere.
 * @packageDocumentation
 */
export { canonicalJson } from "../codec/canonical.js";
export { createNonceMemory, nonceOf, readNonce } from "./nonce.js";
export type { NonceStore } from "./nonce.js";
export { sha256Digest } from "./sha256.js";
export { needsSeal, nonceFault, sealFault, sealFrame, sealFrameSync, signedText, verifyFrame } from "./seal.js";
export type { IntegrityFault, SealFault, SealOptions, VerifyOptions } from "./seal.js";
export { webDigest } from "./web-digest.js";
export type { Digest, SyncDigest } from "./web-digest.js";
