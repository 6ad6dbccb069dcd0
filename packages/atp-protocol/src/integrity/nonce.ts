/** How far a nonce's time may be off, and for how long it is remembered (A10). */
const WINDOW_MS = 300_000;

const noncePattern = /^(\d{1,15})\.([A-Za-z0-9_-]{22,})$/;

/** Remembers nonces of a principal. Shared by all routers that a frame could be replayed to. */
export interface NonceStore {
  /**
   * Records a nonce. `untilMs`: when it may be forgotten, in Unix milliseconds.
   * @returns false when it was recorded before and not yet forgotten.
   */
  record(principal: string, nonce: string, untilMs: number, nowMs: number): Promise<boolean> | boolean;
}

/** A nonce: the time and at least 16 random bytes (A10). */
export function nonceOf(nowMs: number, random: Uint8Array): string {
  if (random.length < 16) throw new RangeError("a nonce has at least 16 random bytes");
  const base64 = btoa(String.fromCharCode(...random));
  return `${Math.floor(nowMs)}.${base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** When a nonce may be forgotten; null when it is malformed or its time is over 5 minutes off. */
export function readNonce(nonce: string, nowMs: number): number | null {
  const match = noncePattern.exec(nonce);
  if (match === null) return null;
  const madeMs = Number(match[1]);
  return Math.abs(nowMs - madeMs) > WINDOW_MS ? null : madeMs + WINDOW_MS;
}

/**
 * Nonces in this process's memory, at most `maxEntries` of them. When it is full it refuses new ones rather than forget:
 * a forgotten nonce could be replayed.
 * @default maxEntries 1,000,000
 */
export function createNonceMemory(maxEntries = 1_000_000): NonceStore {
  const until = new Map<string, number>();
  return {
    record(principal, nonce, untilMs, nowMs) {
      // Insertion order is close to expiry order; what is left behind goes on a later call.
      for (const [key, expiry] of until) {
        if (expiry >= nowMs) break;
        until.delete(key);
      }
      const key = `${principal}\n${nonce}`;
      if ((until.get(key) ?? -1) >= nowMs || until.size >= maxEntries) return false;
      until.delete(key);
      until.set(key, untilMs);
      return true;
    },
  };
}
