import { AtpError, isAtpError } from "atp-protocol";

/** How a client holds itself back while its router is overloaded. */
export interface ThrottleOptions {
  /** Requests sent for each that is let in, before some are refused here. @default 2 */
  readonly ratio?: number;
  /** How far back it looks, in milliseconds. @default 120000 */
  readonly windowMs?: number;
}

/** One lane in one part of the window. */
interface Slice {
  readonly part: number;
  asked: number;
  letIn: number;
}

const PARTS = 12;
/** Fewer requests than this say nothing of a router: nothing is refused here. */
const LEAST = 10;
const LEAST_RETRY_MS = 1_000;

/**
 * Adaptive throttling (B. Beyer et al., "Site Reliability Engineering", 2016, chapter 21): a request is refused here with a probability of
 * `(asked - ratio * letIn) / (asked + 1)`, each lane for itself, so that a client whose lane is shed stops asking and its refusals cost
 * the router nothing. What is refused here counts as asked. What the router has not answered yet counts as let in: a
 * burst is no overload.
 */
export class Throttle {
  readonly #ratio: number;
  readonly #partMs: number;
  readonly #random: () => number;
  readonly #lanes = new Map<string, { slices: Slice[]; notBefore: number }>();

  /** @param random a number of 0 to below 1 */
  constructor(options: ThrottleOptions, random: () => number) {
    this.#ratio = options.ratio ?? 2;
    this.#partMs = (options.windowMs ?? 120_000) / PARTS;
    this.#random = random;
  }

  /** Counts a request. @returns why it is not to be sent, or how to tell what became of it: whether the router let it in */
  ask(lane: string, now: number): AtpError | ((error?: unknown) => void) {
    const state = this.#lanes.get(lane) ?? { slices: [], notBefore: 0 };
    this.#lanes.set(lane, state);
    const part = Math.floor(now / this.#partMs);
    state.slices = state.slices.filter((slice) => slice.part > part - PARTS);
    let asked = 0;
    let letIn = 0;
    for (const slice of state.slices) {
      asked += slice.asked;
      letIn += slice.letIn;
    }
    let own = state.slices.at(-1);
    if (own?.part !== part) state.slices.push((own = { part, asked: 0, letIn: 0 }));
    own.asked++;
    if (asked >= LEAST && this.#random() < (asked - this.#ratio * letIn) / (asked + 1))
      return new AtpError(
        "EOVERLOAD",
        `Not sent: the router refuses most ${lane} requests. Ask after retry_after_ms.`,
        {
          retryAfterMs: Math.max(LEAST_RETRY_MS, state.notBefore - now),
          details: { refused_by: "client" },
        },
      );
    own.letIn++;
    const slice = own;
    return (error) => {
      if (!isAtpError(error) || error.code !== "EOVERLOAD") return;
      slice.letIn--;
      state.notBefore = now + (error.retryAfterMs ?? 0);
    };
  }
}
