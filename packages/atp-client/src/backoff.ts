/** When to try again after a failed or lost connection. */
export interface RetryOptions {
  /** Dials in a row without a welcome before what waits fails with `ECONNECT`. @default 6 */
  readonly attempts?: number;
  /** Upper end of the first delay, in milliseconds; it doubles each time. @default 250 */
  readonly baseMs?: number;
  /** The most it grows to. @default 10000 */
  readonly maxMs?: number;
}

/** How long a connection must work before its loss counts as a first one, in milliseconds. */
const STEADY_MS = 5_000;

/** Exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). */
export class Backoff {
  readonly #attempts: number;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;
  /** Doublings of the ceiling; a connection that works and is lost at once takes none of them back. */
  #doublings = 0;
  #succeededAt: number | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;

  /** @param random a number of 0 to below 1 */
  constructor(options: RetryOptions, random: () => number) {
    this.#attempts = options.attempts ?? 6;
    this.#baseMs = options.baseMs ?? 250;
    this.#maxMs = options.maxMs ?? 10_000;
    this.#random = random;
  }

  /** Failures since the last progress. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether no further dial is worth it. */
  get exhausted(): boolean {
    return this.#failures >= this.#attempts;
  }

  /** Notes a failure, and with it how long to stay away. */
  failed(now: number): void {
    if (this.#succeededAt !== undefined && now - this.#succeededAt >= STEADY_MS) this.#doublings = 0;
    this.#succeededAt = undefined;
    const ceilingMs = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#doublings);
    this.#failures++;
    this.#doublings++;
    this.#notBefore = now + this.#random() * ceilingMs;
  }

  /** Stay away for a random part of a time, whatever failed before. */
  jitter(now: number, withinMs: number): void {
    this.#notBefore = now + this.#random() * withinMs;
  }

  /** A connection came to work: the next failure is a first one, once this one has lasted. */
  succeeded(now: number): void {
    this.#failures = 0;
    this.#succeededAt = now;
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  /** Starts a new series of attempts; how long to stay away is kept. */
  restart(): void {
    this.#failures = 0;
    this.#doublings = 0;
  }

  /** Milliseconds still to wait. */
  delayMs(now: number): number {
    return Math.max(0, this.#notBefore - now);
  }
}
