import type { AtpClient, FrameEvent } from "atp-client";

/** A frame with its number and time. */
export interface LoggedFrame extends FrameEvent {
  /** From 0, in the order in which frames crossed. */
  readonly number: number;
  /** Milliseconds since the page was opened. */
  readonly atMs: number;
}

/** Frames that are kept; older ones are let go. */
const KEPT = 5_000;
/** Inspectors are told at most once in this time. */
const TELL_MS = 250;

/** Keeps the newest frames of a client, tokens masked. Adding one costs next to nothing, for it is done for every frame. */
export class FrameLog {
  #frames: LoggedFrame[] = [];
  #number = 0;
  #shown: readonly LoggedFrame[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(client: AtpClient) {
    client.on("frame", (event) => {
      this.#frames.push({ ...event, number: this.#number++, atMs: performance.now() });
      // Let go of many at once: moving an array for each frame would cost more than keeping them.
      if (this.#frames.length >= 2 * KEPT) this.#frames = this.#frames.slice(-KEPT);
      if (this.#listeners.size > 0) this.#timer ??= setTimeout(this.#tell, TELL_MS);
    });
  }

  /** The frames as inspectors were last told. */
  readonly frames = (): readonly LoggedFrame[] => this.#shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.#listeners.size === 0) this.#shown = this.#frames.slice(-KEPT);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  clear(): void {
    this.#frames = [];
    this.#tell();
  }

  readonly #tell = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shown = this.#frames.slice(-KEPT);
    for (const listener of this.#listeners) listener();
  };
}

/** What a frame is about, in one word: its payload's type, else its first flag. */
export function kindOf({ frame }: FrameEvent): string {
  return frame.payload?.type ?? frame.flags[0] ?? "ack";
}
