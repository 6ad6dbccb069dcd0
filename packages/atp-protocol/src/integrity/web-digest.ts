/** The two hashes that integrity needs. Texts are hashed as UTF-8. */
export interface SyncDigest {
  /** SHA-256, in lower-case hex. */
  sha256(text: string): string;
  /** HMAC-SHA-256 under a key of raw bytes, in base64. */
  hmacSha256(key: Uint8Array, text: string): string;
}

/** The same, where hashing may take its time. */
export interface Digest {
  /** SHA-256, in lower-case hex. */
  sha256(text: string): Promise<string> | string;
  /** HMAC-SHA-256 under a key of raw bytes, in base64. */
  hmacSha256(key: Uint8Array, text: string): Promise<string> | string;
}

/** Hashes by Web Crypto: every browser in a secure context, and Node. */
export function webDigest(subtle: SubtleCrypto = globalThis.crypto.subtle): Digest {
  const utf8 = new TextEncoder();
  return {
    async sha256(text) {
      const bytes = new Uint8Array(await subtle.digest("SHA-256", utf8.encode(text)));
      return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
    async hmacSha256(key, text) {
      const raw = Uint8Array.from(key);
      const imported = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      const bytes = new Uint8Array(await subtle.sign("HMAC", imported, utf8.encode(text)));
      return btoa(String.fromCharCode(...bytes));
    },
  };
}
