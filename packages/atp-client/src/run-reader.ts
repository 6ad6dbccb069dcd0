import { EventQueue } from "./event-queue.js";
import type { RunEvent } from "./run-events.js";

type Result = IteratorResult<RunEvent, undefined>;

/** Who wants to know how far a reader is. */
export interface ReaderHost {
  /** The reader took the message of this number. @param isLast nothing else waits for it */
  taken(seq: number, isLast: boolean): void;
  /** Nobody reads any more. */
  left(): void;
}

interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

const DONE: Result = { done: true, value: undefined };

/** The one reader of a run's events, and what waits for it. */
export class RunReader {
  readonly #queue = new EventQueue();
  readonly #waiters: Waiter[] = [];
  readonly #host: ReaderHost;
  #reading: "not yet" | "yes" | "no more" = "not yet";
  #outcome: { readonly error: Error | null } | null = null;

  constructor(host: ReaderHost) {
    this.#host = host;
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
      if ("frame" in event && isMessage(event.frame.flags))
        this.#host.taken(event.frame.msg_seq, this.#queue.length === 0);
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
    this.#host.left();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(DONE);
  }
}

/** Whether a frame of these flags has a number of its own. */
function isMessage(flags: readonly string[]): boolean {
  return flags.every((flag) => flag === "MORE" || flag === "OPT");
}
