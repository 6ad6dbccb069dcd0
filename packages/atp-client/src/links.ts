import { Backoff } from "./backoff.js";
import type { ClientListeners } from "./client.js";
import type { Emitter } from "./emitter.js";
import { Link } from "./link.js";
import type { LinkHost } from "./link-host.js";
import type { LiveRun } from "./live-run.js";
import type { ClientState, Settings } from "./options.js";
import type { RunRef } from "./run.js";

/**
 * A client's connections: one that takes new runs, those whose routers shut down, until their runs have ended, and one for each
 * run that was taken up from elsewhere.
 */
export class Links {
  readonly #settings: Settings;
  readonly #backoff: Backoff;
  readonly #emitter: Emitter<ClientListeners>;
  readonly #state: (state: ClientState) => void;
  readonly #all = new Set<Link>();
  #current: Link | null = null;
  #stopWaking: (() => void) | null = null;

  /** @param state hears where the connection for new runs stands */
  constructor(settings: Settings, emitter: Emitter<ClientListeners>, state: (state: ClientState) => void) {
    this.#settings = settings;
    this.#emitter = emitter;
    this.#state = state;
    this.#backoff = new Backoff(settings.retry, settings.random);
  }

  submit(run: LiveRun): void {
    if (this.#current === null) {
      this.#current = new Link(this.#settings, this.#backoff, this.#host());
      this.#add(this.#current);
    }
    this.#current.submit(run);
  }

  /** A detached run is a session of its own, so it has a connection of its own (A9.2). */
  attach(run: LiveRun, { session_id, stream_id, resume_token }: RunRef): void {
    // From its beginning: this client has none of its text.
    const resume = { resume_token, streams: [{ stream_id, last_seq: 1 }] };
    const settings = { ...this.#settings, sessionId: session_id };
    const link = new Link(settings, new Backoff(settings.retry, settings.random), this.#host(), resume);
    this.#add(link);
    void run.closed.then(() => {
      link.close();
      this.#all.delete(link);
    });
    link.submit(run);
  }

  withdraw(run: LiveRun): void {
    for (const link of this.#all) link.withdraw(run);
  }

  close(): void {
    this.#stopWaking?.();
    for (const link of [...this.#all]) link.close();
    this.#all.clear();
  }

  #add(link: Link): void {
    this.#all.add(link);
    this.#stopWaking ??= this.#settings.wake(() => {
      for (const one of this.#all) one.wake();
    });
  }

  #host(): LinkHost {
    return {
      state: (from, state) => {
        if (from === this.#current) this.#state(state);
      },
      inspected: () => this.#emitter.has("frame"),
      tell: (name, event) => {
        this.#emitter.emit(name, event);
      },
      draining: (from) => {
        if (from !== this.#current) return;
        this.#current = null;
        for (const run of from.takeWaiting()) this.submit(run);
      },
      done: (from) => {
        this.#all.delete(from);
      },
    };
  }
}
