import type { LiveRun } from "./live-run.js";

/** SYNs that went out before the router told its limits, by size: a refusal of one unparsed names nothing else (A3.4). */
export class Unjudged {
  readonly #runs = new Map<number, LiveRun[]>();

  sent(bytes: number, run: LiveRun): void {
    this.#runs.set(bytes, [...(this.#runs.get(bytes) ?? []), run]);
  }

  /** The oldest run whose SYN had this size. */
  take(bytes: unknown): LiveRun | undefined {
    return this.#runs.get(bytes as number)?.shift();
  }

  clear(): void {
    this.#runs.clear();
  }
}
