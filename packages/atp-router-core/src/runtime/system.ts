import type { Clock, Rng } from "../ports/index.js";

/** The longest delay that timers take; longer ones are set again. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The system's clock. Its timers never keep a process alive. */
export function systemClock(): Clock {
  const now = (): number => performance.now();
  return {
    now,
    wall: () => Date.now(),
    at(when, fn) {
      let handle: ReturnType<typeof setTimeout>;
      const set = (): void => {
        const delay = Math.max(0, when - now());
        handle = delay > MAX_DELAY_MS ? setTimeout(set, MAX_DELAY_MS) : setTimeout(fn, delay);
        (handle as { unref?: () => void }).unref?.();
      };
      set();
      return () => clearTimeout(handle);
    },
  };
}

/** The system's cryptographically strong randomness. */
export function systemRng(): Rng {
  return {
    u32: () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
    hex(bytes) {
      const random = crypto.getRandomValues(new Uint8Array(bytes));
      // Joined at once: a text that grew byte by byte is kept as a chain of its pieces.
      return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}
