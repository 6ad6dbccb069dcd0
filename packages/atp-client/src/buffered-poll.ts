import type { Line } from "./line.js";
import type { ClientClock } from "./ports.js";

/** How often a socket that still holds much is asked what is left of it. */
const DRAIN_POLL_MS = 50;

/** Tells what a socket still holds. There is no event for it, so a full one is asked again. */
export class BufferedPoll {
  readonly #clock: ClientClock;
  readonly #tell: (bytes: number) => void;
  #stop: () => void = () => undefined;

  constructor(clock: ClientClock, tell: (bytes: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  look(line: Line | null): void {
    this.stop();
    if (line === null) return;
    const bytes = line.bufferedBytes;
    this.#tell(bytes);
    if (bytes === 0) return;
    this.#stop = this.#clock.after(DRAIN_POLL_MS, () => {
      this.look(line);
    });
  }

  stop(): void {
    this.#stop();
  }
}
