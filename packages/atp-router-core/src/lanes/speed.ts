import type { Ms } from "../model/index.js";

/** The last so many calls count for most. */
const REMEMBERED = 24;

/** What fades of the sums with each call that ends. */
const KEEP = 1 - 1 / REMEMBERED;

/**
 * How fast calls run, learned from those that ended: sums of cost and time that fade with each call. Their quotient is weighed by work, so
 * that many short calls and a long one count for what they are.
 */
export class Speed {
  private expected = 0;
  private ms = 0;
  private calls = 0;

  /** A call ended: what it had been expected to cost, and how long it held its slot. */
  ended(expectedCost: number, heldMs: Ms): void {
    this.expected = this.expected * KEEP + expectedCost;
    this.ms = this.ms * KEEP + Math.max(heldMs, 0);
    this.calls = this.calls * KEEP + 1;
  }

  /** What one slot gets done, in expected cost per millisecond; undefined before the first call ended. */
  get costPerMs(): number | undefined {
    return this.ms > 0 ? this.expected / this.ms : undefined;
  }

  /** How long a call holds its slot on average; undefined before the first call ended. */
  get meanMs(): Ms | undefined {
    return this.calls > 0 ? this.ms / this.calls : undefined;
  }

  /** What a call is expected to cost on average; undefined before the first call ended. */
  get meanCost(): number | undefined {
    return this.calls > 0 ? this.expected / this.calls : undefined;
  }
}

/** A level that follows a value which holds for spans of time, such as how many calls run. It starts at 0. */
export class Level {
  private value = 0;
  private faded = 0;
  private since = 0;
  private horizonMs = 1;

  /** The value changes now. */
  set(value: number, at: Ms): void {
    this.settle(at);
    this.value = value;
  }

  /** Its fading average. @param horizonMs how far back it looks */
  average(at: Ms, horizonMs: Ms): number {
    this.horizonMs = Math.max(1, horizonMs);
    this.settle(at);
    return this.faded;
  }

  private settle(at: Ms): void {
    const { value, faded, since } = this;
    if (at <= since) return;
    // A level that has not moved from its average stays there. What is left after a span is the implicit step of exponential fading: it needs no exp().
    if (faded !== value) this.faded = value + ((faded - value) * this.horizonMs) / (this.horizonMs + at - since);
    this.since = at;
  }
}
