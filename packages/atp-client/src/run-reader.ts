import { EventQueue } from "./event-queue.js";
import type { RunEvent } from "./run-events.js";

type Result = IteratorResult<RunEvent, undefined>;

interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

const DONE: Result = { done: true, value: undefined };

/** The one reader of a run's events, and what waits for it. */
export class RunReader {
  readonly #queue = new EventQueue();
  readonly #waiters: Waiter[] = [];
  readonly #taken: (seq: number) => void;
  readonly #left: () => void;
  #reading: "not yet" | "yes" | "no more" = "not yet";
  #outcome: { readonly error: Error | null } | null = null;

  /**
   * @param taken the reader took the message of this number
   * @param left nobody reads any more
   */
  constructor(taken: (seq: number) => void, left: () => void) {
    this.#taken = taken;
    this.#left = left;
  }

  /** @throws TypeError when there was a reader before */
  read(): AsyncIterator<RunEvent, undefined> {
    if (this.#reading !== "not yet") throw new TypeError("A run can be iterated once.");
    this.#reading = "yes";
    return {
      next: () => this.#next(),
      return: () => {
        this.#stop();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** @returns whether the event holds nothing back: somebody had waited for it, or nobody reads. */
  give(event: RunEvent): boolean {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value: event });
    else if (this.#reading !== "no more") this.#queue.push(event);
    return waiter !== undefined || this.#reading !== "yes";
  }

  end(error: Error | null): void {
    this.#outcome = { error };
    for (const waiter of this.#waiters.splice(0)) {
      if (error === null) waiter.resolve(DONE);
      else waiter.reject(error);
    }
  }

  /** Forgets what waits. */
  clear(): void {
    this.#queue.clear();
  }

  #next(): Promise<Result> {
    const event = this.#queue.shift();
    if (event !== undefined) {
      if ("frame" in event && event.frame.flags.every((flag) => flag === "MORE" || flag === "OPT"))
        this.#taken(event.frame.msg_seq);
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#outcome === null && this.#reading === "yes")
      return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const error = this.#outcome?.error ?? null;
    // Thrown once, then done, as a generator would.
    const failed = error !== null && this.#reading === "yes";
    this.#stop();
    return failed ? Promise.reject(error) : Promise.resolve(DONE);
  }

  #stop(): void {
    if (this.#reading === "no more") return;
    this.#reading = "no more";
    this.#queue.clear();
    this.#left();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(DONE);
  }
}
