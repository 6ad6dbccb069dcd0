import type { LiveRun } from "./live-run.js";
import type { ClientClock } from "./ports.js";

/** What readers take of a burst before it is told, and for how long. */
const MOST = 128;
const WITHIN_MS = 100;

/** Tells what readers took: when one has nothing more to take, and not at each message of a burst. */
export class Taken {
  readonly #clock: ClientClock;
  readonly #tell: (run: LiveRun, seq: number) => void;
  /** What readers took and nobody was told yet. */
  readonly #untold = new Map<LiveRun, number>();
  #count = 0;
  #stop: (() => void) | null = null;

  constructor(clock: ClientClock, tell: (run: LiveRun, seq: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** @param isLast nothing else has come that the reader could take at once */
  take(run: LiveRun, seq: number, isLast: boolean): void {
    if (isLast || ++this.#count > MOST) {
      this.#count = 0;
      this.#untold.delete(run);
      this.#tell(run, seq);
      return;
    }
    this.#untold.set(run, seq);
    // For a reader that stops in the middle of a burst.
    this.#stop ??= this.#clock.after(WITHIN_MS, () => {
      this.#stop = null;
      const untold = [...this.#untold];
      this.#untold.clear();
      for (const [one, last] of untold) this.#tell(one, last);
    });
  }

  stop(): void {
    this.#stop?.();
  }
}
