/// <reference lib="esnext.disposable" preserve="true" />
import { AtpError } from "atp-protocol";
import type { Frame, RequestContent, StatusContent, WelcomeContent } from "atp-protocol";
import { Emitter } from "./emitter.js";
import { Links } from "./links.js";
import { openingOf, readOptions } from "./options.js";
import type { ClientOptions, ClientState, Settings, StreamOptions } from "./options.js";
import { abortError } from "./errors.js";
import { LiveRun } from "./live-run.js";
import type { Opening } from "./live-run.js";
import type { AtpRun, RunRef } from "./run.js";
import { Throttle } from "./throttle.js";

/** A frame as it crossed the wire, with tokens masked. */
export interface FrameEvent {
  readonly direction: "in" | "out";
  readonly frame: Frame;
  /** Bytes of the frame as encoded. */
  readonly bytes: number;
}

/** What a client tells beside its runs. */
export interface ClientListeners {
  state: (state: ClientState) => void;
  /** Each frame, for inspectors. Costs nothing while nobody listens. */
  frame: (event: FrameEvent) => void;
  welcome: (content: WelcomeContent) => void;
  /** The router's state, such as `DRAINING`. */
  status: (status: StatusContent) => void;
  /** The router shuts down: new runs go elsewhere, and what runs moves to `resumeUrl`, or ends within `drainMs` (A9.6). */
  goaway: (event: { readonly drainMs: number | undefined; readonly resumeUrl: string | undefined }) => void;
  /** A run goes on after a lost connection, and nothing of it is missing. */
  resumed: (event: { readonly run: AtpRun; readonly state: "live" | "finished" }) => void;
  /** A run goes on after a lost connection, and pieces of it are lost; see the run's own `gap`. */
  gap: (event: { readonly run: AtpRun }) => void;
  /** The router told an error of the connection that ended no run. */
  warning: (error: AtpError) => void;
}

/** A client of one router: one connection, made when first needed, and many runs on it. */
export interface AtpClient extends AsyncDisposable {
  readonly sessionId: string;
  readonly state: ClientState;
  /**
   * Sends a request. Returns at once; the run tells of everything else, also of a connection that cannot be made.
   * @param request a prompt, or the content of a request
   */
  stream(request: string | RequestContent, options?: StreamOptions): AtpRun;
  /**
   * Takes up a run that was detached, from its beginning, over a connection of its own.
   * @throws TypeError for what is no reference. The run ends with `ERESUME` when the router has it no more.
   */
  attach(ref: RunRef, options?: { readonly signal?: AbortSignal }): AtpRun;
  on<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this;
  once<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this;
  off<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this;
  /**
   * Cancels what still runs, closes the connection and ends the client for good.
   * @returns the runs that were never sent; each has its request in `unsent`.
   */
  close(): Promise<readonly AtpRun[]>;
}

/** How long `close` waits for the router to confirm what it cancels. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Makes a client. It connects at the first `stream()`.
 * @throws TypeError for an address or session id that cannot work
 */
export function createClient(options: ClientOptions): AtpClient {
  return new Client(readOptions(options));
}

class Client implements AtpClient {
  readonly sessionId: string;
  readonly #settings: Settings;
  readonly #emitter = new Emitter<ClientListeners>();
  readonly #links: Links;
  readonly #runs = new Set<LiveRun>();
  readonly #throttle: Throttle | null;
  #state: ClientState = { name: "idle" };
  #streams = 0;
  #closing: Promise<readonly AtpRun[]> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.sessionId = settings.sessionId;
    this.#throttle = settings.throttle === false ? null : new Throttle(settings.throttle, settings.random);
    this.#links = new Links(settings, this.#emitter, (state) => {
      this.#setState(state);
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  stream(request: string | RequestContent, options: StreamOptions = {}): AtpRun {
    this.#streams++;
    const run = this.#run(`st${this.#streams}`, openingOf(request, options), options.signal);
    if (run.settled) return run;
    const told = this.#throttle?.ask(options.qos ?? "silver", this.#settings.clock.now());
    if (told instanceof AtpError) {
      run.giveUp(told);
      return run;
    }
    if (told !== undefined) run.final().catch(told);
    this.#links.submit(run);
    return run;
  }

  attach(ref: RunRef, options: { readonly signal?: AbortSignal } = {}): AtpRun {
    const { v, session_id, stream_id, resume_token } = ref as Partial<Record<keyof RunRef, unknown>>;
    if (v !== 1 || ![session_id, stream_id, resume_token].every((part) => typeof part === "string" && part !== ""))
      throw new TypeError("ref: not what detach() gave; it is {v: 1, session_id, stream_id, resume_token}");
    const run = this.#run(ref.stream_id, null, options.signal);
    if (!run.settled) this.#links.attach(run, ref);
    return run;
  }

  #run(streamId: string, opening: Opening | null, signal: AbortSignal | undefined): LiveRun {
    const run = new LiveRun(streamId, opening, signal, (waiting) => {
      this.#links.withdraw(waiting);
    });
    if (this.#closing !== undefined) run.giveUp(abortError("the client is closed", "no"));
    if (run.settled) return run;
    this.#runs.add(run);
    const forget = (): void => {
      this.#runs.delete(run);
    };
    run.final().then(forget, forget);
    run.on("resumed", ({ state }) => {
      this.#emitter.emit("resumed", { run, state });
    });
    run.on("gap", () => {
      this.#emitter.emit("gap", { run });
    });
    return run;
  }

  on<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this {
    this.#emitter.add(name, listener);
    return this;
  }

  once<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this {
    this.#emitter.add(name, listener, true);
    return this;
  }

  off<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this {
    this.#emitter.remove(name, listener);
    return this;
  }

  close(): Promise<readonly AtpRun[]> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<readonly AtpRun[]> {
    const runs = [...this.#runs];
    const bills = runs.map((run) => run.cancel("the client closes"));
    if (bills.length > 0) await this.#within(CLOSE_GRACE_MS, Promise.all(bills));
    this.#links.close();
    this.#setState({ name: "closed" });
    return runs.filter((run) => run.unsent !== undefined);
  }

  /** Waits for a promise, but no longer than a time. */
  #within(timeoutMs: number, wanted: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#settings.clock.after(timeoutMs, resolve);
      void wanted.then(() => {
        stop();
        resolve();
      });
    });
  }

  #setState(state: ClientState): void {
    if (this.#state.name === "closed") return;
    this.#state = state;
    this.#emitter.emit("state", state);
  }
}
