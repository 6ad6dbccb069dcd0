import { payloadTypes } from "atp-protocol";
import { EventEmitter } from "eventemitter3";
import type { AcceptContent, Frame, Meta, Payload, Qos, Telemetry, Window } from "atp-protocol";
import { abortError, AtpLocalError, cutError } from "./errors.js";
import { EventQueue, slotOf } from "./event-queue.js";
import type { PlanContent } from "./plan.js";
import { acceptEvent, readError, readFinal, toRunEvent } from "./run-events.js";
import type { FinalResult, RunEvent } from "./run-events.js";
import { deferred, emitSafely, TextView } from "./run.js";
import type { AtpRun, RunListeners, RunWindow } from "./run.js";

/** What a run's SYN says. */
export interface Opening {
  readonly qos?: Qos;
  readonly ttl?: number;
  readonly window?: Window;
  readonly meta?: Meta;
  readonly payload: Payload;
}

/** What a run needs of the connection that carries it. */
export interface Carrier {
  cancel(run: LiveRun, reason: string | undefined): void;
  control(run: LiveRun, payload: Payload): void;
  consumed(run: LiveRun, seq: number): void;
}

/** Where a run stands towards the wire. */
type Phase =
  /** Not sent yet. */
  | { readonly name: "waiting" }
  | { readonly name: "open"; readonly carrier: Carrier }
  /** Ended on the wire, or never to be sent. */
  | { readonly name: "closed" };

type Waiter = {
  readonly resolve: (result: IteratorResult<RunEvent, undefined>) => void;
  readonly reject: (error: Error) => void;
};

/** The one implementation of {@link AtpRun}; the connection drives it by the methods below the line. */
export class LiveRun implements AtpRun {
  readonly streamId: string;
  readonly window: RunWindow;
  #opening: Opening;
  #phase: Phase = { name: "waiting" };
  readonly #result = deferred<FinalResult>();
  readonly #billed = deferred<Telemetry | undefined>();
  /** Set when consumers were told the end. */
  #outcome: { readonly error: Error | null } | null = null;
  readonly #queue = new EventQueue();
  readonly #waiters: Waiter[] = [];
  #reading: "not yet" | "yes" | "no more" = "not yet";
  readonly #view = new TextView();
  readonly #emitter = new EventEmitter();
  readonly #release: (run: LiveRun) => void;
  #plan: PlanContent | undefined;
  #usage: Telemetry | undefined;
  #ceilings: Window;
  #left: Window | undefined;
  #windowNumber = 0;
  /** Number of the newest message. */
  #lastSeq: number | undefined;
  #forget: () => void = () => undefined;

  /** @param release takes a run that was cancelled before it was sent out of the queue. */
  constructor(streamId: string, opening: Opening, signal: AbortSignal | undefined, release: (run: LiveRun) => void) {
    this.streamId = streamId;
    this.#opening = opening;
    this.#ceilings = opening.window ?? {};
    this.#release = release;
    // A view that follows the run: arrow functions of an object literal would freeze the first values.
    const view = (): { ceilings: Window; left: Window | undefined } => ({ ceilings: this.#ceilings, left: this.#left });
    this.window = {
      get ceilings() {
        return view().ceilings;
      },
      get left() {
        return view().left;
      },
      update: (window) => {
        this.#updateWindow(window);
      },
    };
    if (signal !== undefined) this.#follow(signal);
  }

  get text(): ReadonlyMap<string, string> {
    return this.#view.texts;
  }

  get plan(): PlanContent | undefined {
    return this.#plan;
  }

  get usage(): Telemetry | undefined {
    return this.#usage;
  }

  final(): Promise<FinalResult> {
    return this.#result.promise;
  }

  cancel(reason?: string): Promise<Telemetry | undefined> {
    this.#abort(reason);
    return this.#billed.promise;
  }

  on<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this {
    this.#emitter.on(type, listener);
    return this;
  }

  once<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this {
    this.#emitter.once(type, listener);
    return this;
  }

  off<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this {
    this.#emitter.off(type, listener);
    return this;
  }

  [Symbol.asyncIterator](): AsyncIterator<RunEvent, undefined> {
    if (this.#reading !== "not yet") throw new TypeError("A run can be iterated once.");
    this.#reading = "yes";
    return {
      next: () => this.#next(),
      return: () => {
        this.#stopReading();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#outcome === null) await this.cancel("disposed");
  }

  // ---- what the connection calls ----

  /** What to send; it may have changed since `stream()` by a window update. */
  get opening(): Opening {
    return this.#opening;
  }

  /** The run is on the wire. */
  carriedBy(carrier: Carrier): void {
    this.#phase = { name: "open", carrier };
  }

  /** A HELLO was refused: its SYNs did not happen. */
  uncarried(): void {
    if (this.#phase.name === "open") this.#phase = { name: "waiting" };
  }

  /** Whether consumers were told an end. */
  get settled(): boolean {
    return this.#outcome !== null;
  }

  accepted(content: AcceptContent): void {
    this.#ceilings = { ...this.#ceilings, ...content.window };
    this.#give(acceptEvent(content));
  }

  message(frame: Frame): void {
    this.#give(toRunEvent(frame), frame.msg_seq);
  }

  control(frame: Frame): void {
    this.#give(toRunEvent(frame));
  }

  /** The connection is back, and the router tells how the stream stands. What is `gone` is cut, or sent again. */
  resumed(state: string): void {
    if (state === "gap") this.#give({ type: "gap" });
    else if (state === "live" || state === "finished") this.#give({ type: "resumed", state });
  }

  /** What was said of the window may have been lost with the connection; its number tells whether it was (A7.6). */
  reattached(): void {
    if (this.#windowNumber > 0 && this.#outcome === null) this.#tellWindow();
  }

  ended(by: "FIN" | "RST", frame: Frame): void {
    this.#usage = frame.telemetry;
    this.#close(frame.telemetry);
    if (by === "FIN") {
      const result = readFinal(frame);
      if (result !== null) this.#succeed(result);
      else
        this.fail(new AtpLocalError("EPEER", "The router ended the stream without an answer.", { processed: "yes" }));
      return;
    }
    const error = readError(frame.payload?.content);
    this.fail(
      error ?? new AtpLocalError("EPEER", "The router reset the stream without a reason.", { processed: "maybe" }),
    );
  }

  cut(closeCode: number, reason: string): void {
    this.#close(undefined);
    this.fail(cutError(closeCode, reason));
  }

  /** Ends the run for its consumers; the first end counts. */
  fail(error: Error): void {
    if (this.#outcome !== null) return;
    this.#outcome = { error };
    this.#forget();
    this.#result.reject(error);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  /** A run that will never be sent. */
  giveUp(error: Error): void {
    this.#close(undefined);
    this.fail(error);
  }

  // ---- inside ----

  #succeed(result: FinalResult): void {
    if (this.#outcome !== null) return;
    this.#outcome = { error: null };
    this.#forget();
    this.#give({ type: "final", ...result });
    this.#result.resolve(result);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  #close(telemetry: Telemetry | undefined): void {
    this.#phase = { name: "closed" };
    this.#billed.resolve(telemetry);
  }

  #abort(reason: string | undefined, cause?: unknown): void {
    if (this.#outcome !== null) return;
    const phase = this.#phase;
    this.#queue.clear();
    this.fail(abortError(reason, phase.name === "open" ? "maybe" : "no", cause));
    if (phase.name === "waiting") {
      this.#close(undefined);
      this.#release(this);
    }
    if (phase.name === "open") phase.carrier.cancel(this, reason);
  }

  #follow(signal: AbortSignal): void {
    const abort = (): void => {
      const why: unknown = signal.reason;
      this.#abort(why instanceof Error ? why.message : "aborted", why);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    this.#forget = () => {
      signal.removeEventListener("abort", abort);
    };
  }

  #updateWindow(window: Window): void {
    if (this.#outcome !== null) return;
    this.#ceilings = { ...this.#ceilings, ...window };
    if (this.#phase.name === "waiting") this.#opening = { ...this.#opening, window: this.#ceilings };
    if (this.#phase.name !== "open") return;
    this.#windowNumber++;
    this.#tellWindow();
  }

  #tellWindow(): void {
    if (this.#phase.name !== "open") return;
    const content = { number: this.#windowNumber, window: this.#ceilings };
    this.#phase.carrier.control(this, { type: payloadTypes.windowUpdate, content });
  }

  /** @param seq the number of the message it came in; absent for what takes none. */
  #give(event: RunEvent, seq?: number): void {
    this.#lastSeq = seq ?? this.#lastSeq;
    // A cancelled run goes on on the wire until the router answers; its consumers have been told.
    const over = this.#outcome !== null && event.type !== "final";
    if (over || !this.#note(event)) return this.#consumed(seq);
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value: event });
    else if (this.#reading !== "no more") this.#queue.push(event);
    // Nobody holds the pieces back yet, or any more: the run's own view has taken them.
    if (waiter !== undefined || this.#reading !== "yes") this.#consumed(seq);
    emitSafely(() => {
      this.#emitter.emit(event.type, event);
    });
  }

  /** @returns false for an event that says nothing any more. */
  #note(event: RunEvent): boolean {
    if (event.type === "partial") return this.#view.add(slotOf(event), event);
    if (event.type === "plan") this.#plan = event.plan;
    if (event.type === "window") {
      this.#ceilings = { ...this.#ceilings, ...event.window };
      this.#left = event.left ?? this.#left;
    }
    return true;
  }

  #consumed(seq: number | undefined): void {
    if (seq !== undefined && this.#phase.name === "open") this.#phase.carrier.consumed(this, seq);
  }

  #next(): Promise<IteratorResult<RunEvent, undefined>> {
    const event = this.#queue.shift();
    if (event !== undefined) {
      if ("frame" in event && event.frame.flags.every((flag) => flag === "MORE" || flag === "OPT"))
        this.#consumed(event.frame.msg_seq);
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#outcome === null && this.#reading === "yes") {
      return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    }
    const error = this.#outcome?.error ?? null;
    // Thrown once, then done, as a generator would.
    const failed = error !== null && this.#reading === "yes";
    this.#stopReading();
    return failed ? Promise.reject(error) : Promise.resolve({ done: true, value: undefined });
  }

  #stopReading(): void {
    if (this.#reading === "no more") return;
    this.#reading = "no more";
    this.#queue.clear();
    this.#consumed(this.#lastSeq);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }
}
