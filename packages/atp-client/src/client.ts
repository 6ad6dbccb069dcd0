/// <reference lib="esnext.disposable" preserve="true" />
import { EventEmitter } from "eventemitter3";
import type { AtpError, Frame, RequestContent, StatusContent, WelcomeContent } from "atp-protocol";
import { Links } from "./links.js";
import { openingOf, readOptions } from "./options.js";
import type { ClientOptions, ClientState, Settings, StreamOptions } from "./options.js";
import { abortError } from "./errors.js";
import { LiveRun } from "./live-run.js";
import { emitSafely } from "./run.js";
import type { AtpRun } from "./run.js";

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
  on<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this;
  once<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this;
  off<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this;
  /** Cancels what still runs, closes the connection and ends the client for good. */
  close(): Promise<void>;
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
  readonly #emitter = new EventEmitter<ClientListeners>();
  readonly #links: Links;
  readonly #runs = new Set<LiveRun>();
  #state: ClientState = { name: "idle" };
  #streams = 0;
  #closing: Promise<void> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.sessionId = settings.sessionId;
    const emitter = this.#emitter;
    this.#links = new Links(settings, {
      state: (state) => {
        this.#setState(state);
      },
      inspected: () => emitter.listenerCount("frame") > 0,
      frame: (event) => {
        emitSafely(() => emitter.emit("frame", event));
      },
      welcome: (content) => {
        emitSafely(() => emitter.emit("welcome", content));
      },
      status: (status) => {
        emitSafely(() => emitter.emit("status", status));
      },
      warning: (error) => {
        emitSafely(() => emitter.emit("warning", error));
      },
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  stream(request: string | RequestContent, options: StreamOptions = {}): AtpRun {
    this.#streams++;
    const run = new LiveRun(`st${this.#streams}`, openingOf(request, options), options.signal, (waiting) => {
      this.#links.withdraw(waiting);
    });
    if (this.#closing !== undefined) run.giveUp(abortError("the client is closed", "no"));
    if (run.settled) return run;
    this.#runs.add(run);
    const forget = (): void => {
      this.#runs.delete(run);
    };
    run.final().then(forget, forget);
    this.#links.submit(run);
    return run;
  }

  on<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this {
    this.#emitter.on(name, listener as never);
    return this;
  }

  once<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this {
    this.#emitter.once(name, listener as never);
    return this;
  }

  off<Name extends keyof ClientListeners>(name: Name, listener: ClientListeners[Name]): this {
    this.#emitter.off(name, listener as never);
    return this;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const bills = [...this.#runs].map((run) => run.cancel("the client closes"));
    if (bills.length > 0) await this.#within(CLOSE_GRACE_MS, Promise.all(bills));
    this.#links.close();
    this.#setState({ name: "closed" });
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
    emitSafely(() => this.#emitter.emit("state", state));
  }
}
