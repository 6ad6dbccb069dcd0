import { AtpError } from "../frame/errors.js";

/** How far a nonce's time may be off, and for how long it is remembered (A10). */
const WINDOW_MS = 300_000;

const noncePattern = /^(\d{1,15})\.([A-Za-z0-9_-]{22,})$/;

/** Remembers nonces of a principal. Shared by all routers that a frame could be replayed to. */
export interface NonceStore {
  /**
   * Records a nonce. `untilMs`: when it may be forgotten, in Unix milliseconds. `owner`: the message that it came with, such as
   * its session's epoch, stream and number. Sent again after a resume that message has the same nonce, and is let through to where
   * its number is known (A10).
   * @returns false when it was recorded before and not yet forgotten, unless by the same owner.
   * @throws when it cannot tell: the frame is then not taken, and its sender told to come back
   */
  record(principal: string, nonce: string, untilMs: number, nowMs: number, owner?: string): Promise<boolean> | boolean;
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
 * Nonces in this process's memory, at most `maxEntries` of them. When it is full it takes no new ones rather than forget:
 * a forgotten nonce could be replayed. Its `record` then throws AtpError `EOVERLOAD`, until the oldest one's time is over.
 * @default maxEntries 1,000,000
 */
export function createNonceMemory(maxEntries = 1_000_000): NonceStore {
  const known = new Map<string, { readonly until: number; readonly owner: string | undefined }>();
  return {
    record(principal, nonce, untilMs, nowMs, owner) {
      // Insertion order is close to expiry order; what is left behind goes on a later call.
      for (const [key, { until }] of known) {
        if (until >= nowMs) break;
        known.delete(key);
      }
      const key = `${principal}\n${nonce}`;
      const before = known.get(key);
      if (before !== undefined && before.until >= nowMs) return owner !== undefined && before.owner === owner;
      if (known.size >= maxEntries)
        throw new AtpError("EOVERLOAD", "The memory of nonces is full: its oldest are forgotten within 5 minutes.", {
          details: { rule: "A10" },
        });
      known.delete(key);
      known.set(key, { until: untilMs, owner });
      return true;
    },
  };
}
