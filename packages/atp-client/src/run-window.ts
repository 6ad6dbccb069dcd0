import type { Window } from "atp-protocol";
import type { RunWindow } from "./run.js";

/** A run's ceilings as they stand, and how often this side has set them (A7.6). */
export class LiveWindow implements RunWindow {
  ceilings: Window;
  left: Window | undefined;
  /** Counts from 1; 0: this side has said nothing yet. */
  number = 0;
  readonly #changed: () => void;

  /** @param changed called after this side set new ceilings */
  constructor(ceilings: Window, changed: () => void) {
    this.ceilings = ceilings;
    this.#changed = changed;
  }

  update(window: Window): void {
    this.ceilings = { ...this.ceilings, ...window };
    this.#changed();
  }

  /** What the router told. */
  told(ceilings: Window, left?: Window): void {
    this.ceilings = { ...this.ceilings, ...ceilings };
    this.left = left ?? this.left;
  }
}
