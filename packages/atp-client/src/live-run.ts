import { AtpError, utf8Length } from "atp-protocol";
import type {
  AcceptContent,
  Frame,
  Meta,
  Payload,
  Qos,
  RequestContent,
  StreamRef,
  Telemetry,
  Window,
} from "atp-protocol";
import { Emitter } from "./emitter.js";
import { abortError, AtpCancelError, AtpDropError, cutError } from "./errors.js";
import { slotOf } from "./event-queue.js";
import type { PlanContent } from "./plan.js";
import { acceptEvent, readError, readFinal, toRunEvent } from "./run-events.js";
import type { FinalResult, RunEvent } from "./run-events.js";
import { deferred, TextView } from "./run.js";
import { RunReader } from "./run-reader.js";
import type { AtpRun, Deferred, Feedback, RunListeners, RunRef } from "./run.js";
import { LiveWindow } from "./run-window.js";

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
  /** @param isLast nothing else has come that the reader could take at once */
  consumed(run: LiveRun, seq: number, isLast: boolean): void;
  /** @returns false when it could not be sent. */
  feedback(run: LiveRun, feedback: Feedback): boolean;
  /** The router made the stream a session of its own (A9.2): nothing more comes of it here. */
  letGo(run: LiveRun): void;
}

/** Where a run stands towards the wire. */
type Phase =
  /** Not sent yet. */
  | { readonly name: "waiting" }
  | { readonly name: "open"; readonly carrier: Carrier }
  /** Ended on the wire, or never to be sent. */
  | { readonly name: "closed" };

/** The one implementation of {@link AtpRun}; the connection drives it by the methods below the line. */
export class LiveRun implements AtpRun {
  readonly streamId: string;
  /** Its name in the endpoint of the session that carries it. */
  ref: StreamRef = "";
  readonly window: LiveWindow;
  #opening: Opening | null;
  #phase: Phase = { name: "waiting" };
  readonly #result = deferred<FinalResult>();
  readonly #billed = deferred<Telemetry | undefined>();
  /** Set when consumers were told the end. */
  #outcome: { readonly error: Error | null } | null = null;
  readonly #reader: RunReader;
  readonly #view = new TextView();
  readonly #emitter = new Emitter<RunListeners>();
  readonly #release: (run: LiveRun) => void;
  #plan: PlanContent | undefined;
  #usage: Telemetry | undefined;
  #unsent = false;
  /** Who carried it when it ended: its feedback goes the same way. */
  #carrier: Carrier | null = null;
  /** The router has answered the SYN, or a resume. */
  #known = false;
  #leaving: Deferred<RunRef | undefined> | null = null;
  /** Number of the newest message. */
  #lastSeq: number | undefined;
  #forget: () => void = () => undefined;

  /**
   * @param opening null for a run that an earlier client opened and detached
   * @param release takes a run that was cancelled before it was sent out of the queue
   */
  constructor(
    streamId: string,
    opening: Opening | null,
    signal: AbortSignal | undefined,
    release: (run: LiveRun) => void,
  ) {
    this.streamId = streamId;
    this.#opening = opening;
    this.#release = release;
    this.#reader = new RunReader({
      taken: (seq, isLast) => {
        this.#consumed(seq, isLast);
      },
      left: () => {
        this.#consumed(this.#lastSeq);
      },
    });
    this.window = new LiveWindow(opening?.window ?? {}, () => {
      this.#windowChanged();
    });
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

  get unsent(): RequestContent | undefined {
    return this.#unsent ? (this.#opening?.payload.content as RequestContent | undefined) : undefined;
  }

  final(): Promise<FinalResult> {
    return this.#result.promise;
  }

  cancel(reason?: string): Promise<Telemetry | undefined> {
    this.#abort(reason);
    return this.#billed.promise;
  }

  detach(): Promise<RunRef | undefined> {
    if (this.#outcome !== null) return Promise.resolve(undefined);
    if (this.#leaving === null) {
      this.#leaving = deferred();
      this.#tellDetach();
    }
    return this.#leaving.promise;
  }

  feedback(feedback: Feedback): boolean {
    return this.#outcome?.error === null && this.#carrier?.feedback(this, feedback) === true;
  }

  on<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this {
    this.#emitter.add(type, listener);
    return this;
  }

  once<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this {
    this.#emitter.add(type, listener, true);
    return this;
  }

  off<Type extends RunEvent["type"]>(type: Type, listener: RunListeners[Type]): this {
    this.#emitter.remove(type, listener);
    return this;
  }

  [Symbol.asyncIterator](): AsyncIterator<RunEvent, undefined> {
    return this.#reader.read();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#outcome === null) await this.cancel("disposed");
  }

  // ---- what the connection calls ----

  /** What to send; it may have changed since `stream()` by a window update. Null: the router has the stream already. */
  get opening(): Opening | null {
    return this.#opening;
  }

  /** Bytes of what is to be sent, without its frame. */
  get size(): number {
    return this.#opening === null ? 0 : utf8Length(JSON.stringify(this.#opening));
  }

  /** When the wire has nothing more to tell of it. */
  get closed(): Promise<unknown> {
    return this.#billed.promise;
  }

  /** The run is on the wire. */
  carriedBy(carrier: Carrier): void {
    this.#carrier = carrier;
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
    this.#known = true;
    this.window.told(content.window);
    this.#give(acceptEvent(content));
    this.#tellDetach();
  }

  message(frame: Frame): void {
    this.#give(toRunEvent(frame), frame.msg_seq);
  }

  control(frame: Frame): void {
    const { type, content } = frame.payload ?? {};
    if (type === "control.detached") return this.#detached(frame);
    if (type === "error" && this.#leaving !== null) {
      this.#leaving.reject(readError(content) ?? new AtpError("EPROTO", "The router knows no detaching."));
      this.#leaving = null;
    }
    this.#give(toRunEvent(frame));
  }

  /** The connection is back, and the router tells how the stream stands. What is `gone` is cut, or sent again. */
  resumed(state: string): void {
    if (state === "gap") this.#give({ type: "gap" });
    else if (state === "live" || state === "finished") this.#give({ type: "resumed", state });
  }

  /** On a new connection. What was said of the window may have been lost with the connection; its number tells whether it was (A7.6). */
  reattached(): void {
    this.#known = true;
    if (this.window.number > 0 && this.#outcome === null) this.#tellWindow();
    this.#tellDetach();
  }

  ended(by: "FIN" | "RST", frame: Frame): void {
    this.#usage = frame.telemetry;
    this.#close(frame.telemetry);
    if (by === "FIN") {
      const result = readFinal(frame);
      if (result !== null) this.#succeed(result);
      else this.fail(new AtpDropError("EPEER", "The router ended the stream without an answer.", { processed: "yes" }));
      return;
    }
    const error = readError(frame.payload?.content);
    this.fail(
      error ?? new AtpDropError("EPEER", "The router reset the stream without a reason.", { processed: "maybe" }),
    );
  }

  cut(closeCode: number, reason: string): void {
    this.#close(undefined);
    // 4000: the router answered, and does not have it.
    const isUnknown = this.#opening === null && !this.#known && closeCode === 4000;
    const message = "The router no longer has this run, or never had it. Ask again.";
    this.fail(isUnknown ? new AtpError("ERESUME", message, { processed: "maybe" }) : cutError(closeCode, reason));
  }

  /** Ends the run for its consumers; the first end counts. */
  fail(error: Error): void {
    if (this.#outcome !== null) return;
    this.#outcome = { error };
    this.#over();
    this.#result.reject(error);
    this.#reader.end(error);
  }

  /** A run that will never be sent. */
  giveUp(error: Error): void {
    this.#unsent = true;
    this.#close(undefined);
    this.fail(error);
  }

  // ---- inside ----

  #succeed(result: FinalResult): void {
    if (this.#outcome !== null) return;
    this.#outcome = { error: null };
    this.#over();
    this.#give({ type: "final", ...result });
    this.#result.resolve(result);
    this.#reader.end(null);
  }

  #over(): void {
    this.#forget();
    this.#leaving?.resolve(undefined);
  }

  #tellDetach(): void {
    if (this.#leaving === null || !this.#known || this.#phase.name !== "open") return;
    this.#phase.carrier.control(this, { type: "control.detach", content: {} });
  }

  #detached({ session_id, stream_id, payload }: Frame): void {
    const token = (payload?.content as { readonly resume_token?: unknown } | null)?.resume_token;
    if (this.#phase.name !== "open" || typeof token !== "string") return;
    this.#phase.carrier.letGo(this);
    this.#close(undefined);
    this.#leaving?.resolve({ v: 1, session_id, stream_id, resume_token: token });
    this.fail(
      new AtpCancelError("EDETACHED", "The run was detached; it goes on at the router.", { processed: "maybe" }),
    );
  }

  #close(telemetry: Telemetry | undefined): void {
    this.#phase = { name: "closed" };
    this.#billed.resolve(telemetry);
  }

  #abort(reason: string | undefined, cause?: unknown): void {
    if (this.#outcome !== null) return;
    const phase = this.#phase;
    this.#reader.clear();
    this.fail(abortError(reason, phase.name === "open" ? "maybe" : "no", cause));
    if (phase.name === "waiting") {
      this.#unsent = true;
      this.#close(undefined);
      this.#release(this);
    }
    if (phase.name !== "open") return;
    phase.carrier.cancel(this, reason);
    // Nobody will read what waits: without credit for it the end, which comes after, could not come.
    this.#consumed(this.#lastSeq);
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

  #windowChanged(): void {
    if (this.#outcome !== null) return;
    if (this.#phase.name === "waiting" && this.#opening !== null)
      this.#opening = { ...this.#opening, window: this.window.ceilings };
    if (this.#phase.name !== "open") return;
    this.window.number++;
    this.#tellWindow();
  }

  #tellWindow(): void {
    if (this.#phase.name !== "open") return;
    const content = { number: this.window.number, window: this.window.ceilings };
    this.#phase.carrier.control(this, { type: "control.window_update", content });
  }

  /** @param seq the number of the message it came in; absent for what takes none. */
  #give(event: RunEvent, seq?: number): void {
    this.#lastSeq = seq ?? this.#lastSeq;
    // A cancelled run goes on on the wire until the router answers; its consumers have been told.
    const over = this.#outcome !== null && event.type !== "final";
    if (over || !this.#note(event)) return this.#consumed(seq);
    // A reader that is behind holds the pieces back; the run's own view has taken them.
    if (this.#reader.give(event)) this.#consumed(seq);
    if (!this.#emitter.has(event.type)) return;
    this.#view.join();
    this.#emitter.emit(event.type, event as never);
  }

  /** @returns false for an event that says nothing any more. */
  #note(event: RunEvent): boolean {
    if (event.type === "partial") return this.#view.add(slotOf(event), event);
    if (event.type === "plan") this.#plan = event.plan;
    if (event.type === "window") this.window.told(event.window, event.left);
    return true;
  }

  #consumed(seq: number | undefined, isLast = true): void {
    if (seq !== undefined && this.#phase.name === "open") this.#phase.carrier.consumed(this, seq, isLast);
  }
}
