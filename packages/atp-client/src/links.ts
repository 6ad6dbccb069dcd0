import { Backoff } from "./backoff.js";
import { Link } from "./link.js";
import type { LinkHost } from "./link.js";
import type { LiveRun } from "./live-run.js";
import type { ClientState, Settings } from "./options.js";

/** What the links tell their client: what one link does, less which one it is. */
export interface LinksHost extends Pick<LinkHost, "inspected" | "frame" | "welcome" | "status" | "warning"> {
  state(state: ClientState): void;
}

/** A client's connections: one that takes new runs, and those whose routers shut down, until their runs have ended. */
export class Links {
  readonly #settings: Settings;
  readonly #backoff: Backoff;
  readonly #host: LinksHost;
  readonly #all = new Set<Link>();
  #current: Link | null = null;
  #stopWaking: (() => void) | null = null;

  constructor(settings: Settings, host: LinksHost) {
    this.#settings = settings;
    this.#host = host;
    this.#backoff = new Backoff(settings.retry, settings.random);
  }

  submit(run: LiveRun): void {
    this.#link().submit(run);
  }

  withdraw(run: LiveRun): void {
    for (const link of this.#all) link.withdraw(run);
  }

  close(): void {
    this.#stopWaking?.();
    for (const link of [...this.#all]) link.close();
    this.#all.clear();
  }

  #link(): Link {
    this.#stopWaking ??= this.#settings.wake(() => {
      for (const link of this.#all) link.wake();
    });
    if (this.#current !== null) return this.#current;
    const host = this.#host;
    const link = new Link(this.#settings, this.#backoff, {
      state: (from, state) => {
        if (from === this.#current) host.state(state);
      },
      inspected: () => host.inspected(),
      frame: (event) => {
        host.frame(event);
      },
      welcome: (content) => {
        host.welcome(content);
      },
      status: (status) => {
        host.status(status);
      },
      warning: (error) => {
        host.warning(error);
      },
      draining: (from) => {
        if (from !== this.#current) return;
        this.#current = null;
        for (const run of from.takeWaiting()) this.submit(run);
      },
      done: (from) => {
        this.#all.delete(from);
      },
    });
    this.#current = link;
    this.#all.add(link);
    return link;
  }
}
