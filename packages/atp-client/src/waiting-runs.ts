import { AtpDropError } from "./errors.js";
import type { LiveRun } from "./live-run.js";

/** Runs that no session has yet, oldest first, within a bound of bytes. */
export class WaitingRuns {
  #runs: LiveRun[] = [];
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#runs.length;
  }

  push(run: LiveRun): void {
    this.#runs.push(run);
  }

  remove(run: LiveRun): void {
    this.#runs = this.#runs.filter((other) => other !== run);
  }

  takeAll(): LiveRun[] {
    return this.#runs.splice(0);
  }

  fail(error: Error): void {
    for (const run of this.takeAll()) run.giveUp(error);
  }

  /** Gives the newest run back when more waits than may. */
  bound(newest: LiveRun): void {
    if (!this.#runs.includes(newest)) return;
    if (this.#runs.reduce((sum, { size }) => sum + size, 0) <= this.#maxBytes) return;
    this.remove(newest);
    const message = `More than ${this.#maxBytes} bytes wait for a connection. Ask again when there is one.`;
    newest.giveUp(new AtpDropError("EQUEUE", message, { processed: "no" }));
  }
}
