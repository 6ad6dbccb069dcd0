import type { SyncDigest } from "./web-digest.js";

const BLOCK = 64;
const utf8 = new TextEncoder();

/** The first 32 bits of the fractional part of a root of each of the first primes (FIPS 180-4, 4.2.2 and 5.3.3). */
function fractions(count: number, root: number): Int32Array {
  const words = new Int32Array(count);
  for (let n = 2, found = 0; found < count; n++) {
    let isPrime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false;
    if (isPrime) words[found++] = (n ** (1 / root) % 1) * 0x1_0000_0000;
  }
  return words;
}

const roundConstants = fractions(64, 3);
const start = fractions(8, 2);
const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** SHA-256 of bytes (FIPS 180-4). */
function sha256(message: Uint8Array): Uint8Array {
  const length = Math.ceil((message.length + 9) / BLOCK) * BLOCK;
  const padded = new Uint8Array(length);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 8, Math.floor(message.length / 0x2000_0000));
  view.setUint32(length - 4, message.length << 3);
  const state = start.slice();
  const w = new Int32Array(64);
  for (let block = 0; block < length; block += BLOCK) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(block + 4 * i);
    compress(state, w);
  }
  const bytes = new Uint8Array(32);
  const out = new DataView(bytes.buffer);
  state.forEach((word, i) => {
    out.setInt32(4 * i, word);
  });
  return bytes;
}

/** One block's rounds (FIPS 180-4, 6.2.2). */
function compress(state: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] as number;
    const y = w[i - 2] as number;
    const small0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
    const small1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
    w[i] = (w[i - 16] as number) + small0 + (w[i - 7] as number) + small1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const big1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const t1 = (h + big1 + ((e & f) ^ (~e & g)) + (roundConstants[i] as number) + (w[i] as number)) | 0;
    const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i] = (state[i] as number) + word;
  });
}

/** HMAC (RFC 2104). */
function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const own = key.length > BLOCK ? sha256(key) : key;
  const pad = (fill: number, rest: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(BLOCK + rest.length).fill(fill, 0, BLOCK);
    own.forEach((byte, i) => (bytes[i] = byte ^ fill));
    bytes.set(rest, BLOCK);
    return sha256(bytes);
  };
  return pad(0x5c, pad(0x36, message));
}

/**
 * The two hashes in the same turn and on any platform: an endpoint encodes in the same turn, and Web Crypto answers in a later one.
 * Node's own are faster.
 */
export const sha256Digest: SyncDigest = {
  sha256: (text) => Array.from(sha256(utf8.encode(text)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  hmacSha256: (key, text) => btoa(String.fromCharCode(...hmac(key, utf8.encode(text)))),
};
