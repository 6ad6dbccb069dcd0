import type { Ms } from "../model/index.js";

/** How many calls an adapter takes at once, learned from how fast it begins to answer. */
export interface ConcurrencyLimit {
  /** An integer in the bounds. */
  readonly value: number;
  /**
   * A call's first piece came.
   * @param firstMs from sending to the first piece
   * @param inTokens how long its input is
   * @param running calls that ran there with it
   * @returns whether the limit changed
   */
  began(firstMs: Ms, inTokens: number, running: number, at: Ms): boolean;
  /** It said that it is full (429), with so many calls running. Returns whether the limit changed. */
  full(running: number, at: Ms): boolean;
}

/** What a limit moves in. */
export interface LimitBounds {
  /** @default 4 */
  readonly min?: number;
  readonly max: number;
}

const MIN = 4;
/** A window is closed when it is so long and has seen so many calls. */
const WINDOW_MS = 1_000;
const WINDOW_CALLS = 10;
/** The long average looks back over so many windows. */
const LONG_WINDOWS = 600;
const WARM_UP_WINDOWS = 10;
/** Beginning this much later than usual is no sign yet: loads differ. */
const TOLERANCE = 1.5;
const SMOOTHING = 0.2;
const LEAST_GRADIENT = 0.5;
/** Usual times that are this far above what is seen now are outdated. */
const OUTDATED = 2;
const FADE = 0.9;
/** What begins any call, in input tokens: a prompt of ten tokens does not begin a hundred times sooner than one of a thousand. */
const BASE_TOKENS = 256;
/** After a call was refused the limit is this much of what ran. */
const BACK_OFF = 0.9;

/**
 * Gradient2 (Netflix concurrency-limits) on the time to the first piece by input token: the time of a whole call follows the length of
 * its output and would read as congestion. It begins at its maximum, so that an adapter that is never slow is never limited, and
 * shrinks when calls begin later than they usually do.
 */
export function createConcurrencyLimit(bounds: LimitBounds): ConcurrencyLimit {
  const max = Math.max(1, Math.floor(bounds.max));
  const min = Math.min(bounds.min ?? MIN, max);
  let limit = max;
  let usual = 0;
  let windows = 0;
  let since: Ms | undefined;
  let calls = 0;
  let firstMs = 0;
  let tokens = 0;
  let most = 0;
  let refusedAt: Ms = -Infinity;

  const value = (): number => Math.max(min, Math.min(max, Math.round(limit)));

  function changed(next: number): boolean {
    const before = value();
    limit = Math.max(min, Math.min(max, next));
    return value() !== before;
  }

  function close(): boolean {
    const recent = firstMs / tokens;
    const running = most;
    calls = 0;
    firstMs = 0;
    tokens = 0;
    most = 0;
    if (!(recent > 0)) return false;
    windows++;
    usual += (recent - usual) / (windows <= WARM_UP_WINDOWS ? windows : LONG_WINDOWS);
    if (usual > OUTDATED * recent) usual *= FADE;
    const gradient = Math.max(LEAST_GRADIENT, Math.min(1, (TOLERANCE * usual) / recent));
    // With half of it unused nothing is known of a larger one.
    if (gradient === 1 && running < limit / 2) return false;
    return changed(limit * (1 - SMOOTHING) + SMOOTHING * (gradient * limit + Math.sqrt(limit)));
  }

  return {
    get value() {
      return value();
    },
    began(ms, inTokens, running, at) {
      since ??= at;
      calls++;
      firstMs += ms;
      tokens += BASE_TOKENS + inTokens;
      if (running > most) most = running;
      if (at - since < WINDOW_MS || calls < WINDOW_CALLS) return false;
      since = at;
      return close();
    },
    full(running, at) {
      // Calls that were refused together are one sign.
      if (at - refusedAt < WINDOW_MS) return false;
      refusedAt = at;
      return changed(Math.min(limit, running * BACK_OFF));
    },
  };
}
