import { createHash, createHmac } from "node:crypto";
import type { SyncDigest } from "atp-protocol/integrity";

/** Node's own hashes, for `RouterConfig.integrity`. */
export const nodeDigest: SyncDigest = {
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
  hmacSha256: (key, text) => createHmac("sha256", key).update(text).digest("base64"),
};
