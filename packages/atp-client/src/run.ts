/// <reference lib="esnext.disposable" preserve="true" />
import type { RequestContent, Telemetry, Window } from "atp-protocol";
import type { PlanContent } from "./plan.js";
import type { FinalResult, PartialEvent, RunEvent } from "./run-events.js";

/** Listeners of a run, by the type of the event. */
export type RunListeners = {
  [Type in RunEvent["type"]]: (event: Extract<RunEvent, { readonly type: Type }>) => void;
};

/** A run's ceilings, and the way to change them while it runs. */
export interface RunWindow {
  /** The ceilings in force: those asked for, then those granted. A missing member means the session's. */
  readonly ceilings: Window;
  /** What is left of them, as the router last told. */
  readonly left: Window | undefined;
  /** Sets new absolute ceilings, at once. Members not named stay as they are. Without effect on a run that has ended. */
  update(window: Window): void;
}

/**
 * Where a detached run can be taken up again: in another tab, on another device, after a reload. Plain JSON. Keep it as a
 * secret: with the same credentials it hands over the run.
 */
export interface RunRef {
  readonly v: 1;
  readonly session_id: string;
  readonly stream_id: string;
  readonly resume_token: string;
}

/** What a user thinks of an answer: a rating of 0 to 1, or the adapter that answered best. */
export type Feedback = { readonly rating: number } | { readonly chosen: string };

/**
 * One request on its way to its answer. Read it as an async iterable of events (once), or ask for {@link AtpRun.final}, or both:
 * neither waits for the other. Events that nobody reads are kept within a bound.
 *
 * Three different errors can end it: an `AtpError` is a refusal or failure that the router told, an `AtpDropError` a connection
 * that was lost or never made, an `AtpCancelError` this side's own wish. Each has a `code` and says in `processed` whether
 * anything was spent.
 */
export interface AtpRun extends AsyncIterable<RunEvent>, AsyncDisposable {
  /** The stream's id in its session. */
  readonly streamId: string;
  /** The answer. The same promise each time; never an unhandled rejection. */
  final(): Promise<FinalResult>;
  /**
   * Cancels: the iterable and `final()` end with `EABORT` at once. Leaving a loop early does not cancel.
   * @returns the bill, once the router has told it; undefined when nothing was sent or the connection was lost.
   */
  cancel(reason?: string): Promise<Telemetry | undefined>;
  /**
   * Lets go of the run, which goes on at the router: the iterable and `final()` end with `EDETACHED`. For at most the router's
   * `retention_ms` (120 s by default) `client.attach(ref)` takes it up again, anywhere.
   * @returns how to take it up, once the router has told it; undefined when the run ended first.
   * @throws AtpError when the router knows no detaching; the run then goes on here.
   */
  detach(): Promise<RunRef | undefined>;
  /**
   * Tells the router what the answer was worth, once, within its `retention_ms` after the end.
   * @returns false when it could not be sent: before the end, without an answer, or when the connection is gone.
   */
  feedback(feedback: Feedback): boolean;
  /** The request, when the run ended and certainly never left this side; it may be asked again at no risk. */
  readonly unsent: RequestContent | undefined;
  /** The text so far, by adapter (`name`, for clones past the first `name#1`). A live view. */
  readonly text: ReadonlyMap<string, string>;
  /** The plan, once the router told it. */
  readonly plan: PlanContent | undefined;
  /** The bill, once the run has ended; also of a refusal. */
  readonly usage: Telemetry | undefined;
  readonly window: RunWindow;
  on<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this;
  once<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this;
  off<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this;
}

/** A promise with its two ends. A rejection that nobody awaits is not reported as unhandled. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

/** Makes a {@link Deferred}. */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** What one adapter's slot said and is not joined to its text yet. */
interface Voice {
  attempt: number;
  pieces: string[];
}

/** The text of each adapter's slot as it grows. */
export class TextView {
  readonly #texts = new Map<string, string>();
  readonly #voices = new Map<string, Voice>();
  #isJoined = true;

  /** A live view: it lags behind only while a burst of pieces is handed out. */
  get texts(): ReadonlyMap<string, string> {
    this.join();
    return this.#texts;
  }

  /** @returns false for a piece of an attempt that a later one has voided. */
  add(slot: string, { attempt, text }: PartialEvent): boolean {
    let voice = this.#voices.get(slot);
    if (voice === undefined) this.#voices.set(slot, (voice = { attempt: 0, pieces: [] }));
    if (attempt < voice.attempt) return false;
    if (attempt > voice.attempt) {
      voice.attempt = attempt;
      voice.pieces = [];
      this.#texts.set(slot, "");
    }
    voice.pieces.push(text);
    // A text that grows by each piece of a burst on its own keeps each of them, and a node for it: that is most of a piece's cost.
    if (this.#isJoined) {
      this.#isJoined = false;
      void Promise.resolve().then(() => {
        this.join();
      });
    }
    return true;
  }

  join(): void {
    if (this.#isJoined) return;
    this.#isJoined = true;
    for (const [slot, voice] of this.#voices) {
      if (voice.pieces.length === 0) continue;
      this.#texts.set(slot, (this.#texts.get(slot) ?? "") + voice.pieces.join(""));
      voice.pieces = [];
    }
  }
}
