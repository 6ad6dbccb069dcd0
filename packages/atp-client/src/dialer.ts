import { AtpError, closeAction, payloadTypes } from "atp-protocol";
import type { Frame, StatusContent, WelcomeContent } from "atp-protocol";
import { Backoff } from "./backoff.js";
import { Connection } from "./connection.js";
import type { ConnectionHost, Down } from "./connection.js";
import { connectError } from "./errors.js";
import type { LiveRun } from "./live-run.js";
import { maskFrame } from "./masking.js";
import type { ClientState, Settings } from "./options.js";
import { readError } from "./run-events.js";

/** What a dialer tells its client. */
export interface DialerHost {
  state(state: ClientState): void;
  inspected(): boolean;
  frame(event: { readonly direction: "in" | "out"; readonly frame: Frame; readonly bytes: number }): void;
  welcome(content: WelcomeContent): void;
  status(status: StatusContent): void;
  warning(error: AtpError): void;
}

/** Keeps one working connection for the runs that need one, and decides when to try again. */
export class Dialer implements ConnectionHost {
  readonly #settings: Settings;
  readonly #host: DialerHost;
  readonly #backoff: Backoff;
  /** Runs that no connection carries yet, oldest first. */
  #waiting: LiveRun[] = [];
  /** Takes new runs. */
  #current: Connection | null = null;
  /** Those that drain too. */
  readonly #all = new Set<Connection>();
  /** A token is being asked for. */
  #preparing = false;
  #renewed = false;
  #closed = false;
  #stopRetry: (() => void) | null = null;
  #stopDeadline: () => void = () => undefined;

  constructor(settings: Settings, host: DialerHost) {
    this.#settings = settings;
    this.#host = host;
    this.#backoff = new Backoff(settings.retry, settings.random);
  }

  submit(run: LiveRun): void {
    this.#waiting.push(run);
    this.#pump();
  }

  withdraw(run: LiveRun): void {
    this.#waiting = this.#waiting.filter((other) => other !== run);
  }

  /** Fails what waits and closes every connection. */
  close(): void {
    this.#closed = true;
    this.#stopRetry?.();
    this.#stopDeadline();
    this.#failWaiting(connectError("The client is closed."));
    for (const connection of this.#all) connection.close(1000, "");
  }

  // ---- from the connection ----

  ready(): void {
    this.#pump();
  }

  welcomed(connection: Connection, content: WelcomeContent): void {
    this.#backoff.succeeded();
    this.#renewed = false;
    if (connection === this.#current) this.#stopDeadline();
    this.#host.welcome(content);
    this.#host.state({ name: "open", welcome: content });
    this.#pump();
  }

  control(connection: Connection, frame: Frame): void {
    const content = frame.payload?.content;
    switch (frame.payload?.type) {
      case payloadTypes.error: {
        const error = readError(content);
        if (error !== null) this.#host.warning(error);
        return;
      }
      case payloadTypes.status: {
        const status = content as StatusContent;
        this.#host.status(status);
        // What runs there may end there; what comes next goes elsewhere (A9.6).
        if (status.state === "DRAINING" && connection === this.#current) {
          this.#current = null;
          if (connection.load === 0) connection.close(1000, "");
        }
        return;
      }
      case payloadTypes.auth:
        if (typeof (content as { deadline_ms?: unknown } | null)?.deadline_ms === "number")
          void this.#renew(connection);
        return;
      default:
    }
  }

  returned(run: LiveRun): void {
    this.#waiting.push(run);
  }

  frame(direction: "in" | "out", frame: Frame, bytes: number): void {
    this.#host.frame({ direction, frame: maskFrame(frame), bytes });
  }

  down(connection: Connection, down: Down): void {
    this.#all.delete(connection);
    const wasCurrent = connection === this.#current;
    if (!wasCurrent) return;
    this.#current = null;
    this.#stopDeadline();
    if (this.#closed) return;
    const action = down.opened ? closeAction(down.code) : "resume_backoff";
    const error = this.#errorOf(down, action);
    if (action === "fatal" || (action === "reauth" && (this.#renewed || typeof this.#settings.token !== "function"))) {
      this.#backoff.failed(this.#settings.clock.now());
      this.#rest(error);
      return;
    }
    if (action === "reauth") this.#renewed = true;
    else this.#backoff.failed(this.#settings.clock.now());
    if (this.#backoff.exhausted) {
      this.#rest(error);
      return;
    }
    this.#host.state({ name: "idle" });
    this.#pump(error);
  }

  // ---- inside ----

  /** Gives waiting runs to the connection, or sees to it that there is one. */
  #pump(error: Error | null = null): void {
    if (this.#waiting.length === 0 || this.#closed) return;
    const connection = this.#current;
    if (connection !== null) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const run of waiting) {
        if (connection.takes(run)) connection.open(run);
        else this.#waiting.push(run);
      }
      return;
    }
    if (this.#preparing || this.#stopRetry !== null) return;
    const delayMs = this.#backoff.delayMs(this.#settings.clock.now());
    if (delayMs === 0) {
      void this.#dial();
      return;
    }
    const attempt = this.#backoff.failures + 1;
    this.#host.state({ name: "waiting", attempt, delayMs, error: error ?? connectError("The connection was lost.") });
    this.#stopRetry = this.#settings.clock.after(delayMs, () => {
      this.#stopRetry = null;
      if (this.#waiting.length > 0) void this.#dial();
      else this.#host.state({ name: "idle" });
    });
  }

  async #dial(): Promise<void> {
    this.#preparing = true;
    this.#host.state({ name: "connecting", attempt: this.#backoff.failures + 1 });
    const { url, clock, connectTimeoutMs } = this.#settings;
    let token: string | undefined;
    try {
      token = await this.#token();
    } catch (thrown) {
      this.#preparing = false;
      this.#backoff.failed(clock.now());
      this.#rest(connectError("The token function failed, so no connection was made.", undefined, thrown));
      return;
    }
    this.#preparing = false;
    if (this.#closed) return;
    if (this.#waiting.length === 0) return this.#host.state({ name: "idle" });
    let connection: Connection;
    try {
      connection = new Connection(this.#settings.socket(url, ["atp.v1+json"]), token, this.#connectionSettings(), this);
    } catch (thrown) {
      this.#backoff.failed(clock.now());
      this.#rest(connectError(`A socket to ${url} cannot be made.`, undefined, thrown));
      return;
    }
    this.#current = connection;
    this.#all.add(connection);
    this.#stopDeadline = clock.after(connectTimeoutMs, () => {
      connection.close(1006, `no welcome within ${connectTimeoutMs} ms`);
    });
  }

  #connectionSettings(): ConstructorParameters<typeof Connection>[2] {
    return { ...this.#settings, inspected: () => this.#host.inspected() };
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#settings;
    return typeof token === "function" ? token() : token;
  }

  async #renew(connection: Connection): Promise<void> {
    try {
      const token = await this.#token();
      if (token !== undefined) connection.control(null, { type: payloadTypes.auth, content: { token } });
    } catch (thrown) {
      this.#settings.logger.warn?.("the token function failed; the router will close at its deadline", { thrown });
    }
  }

  /** Nothing more can be done for what waits. The next `stream()` begins anew, no sooner than the backoff allows. */
  #rest(error: Error): void {
    this.#backoff.restart();
    this.#failWaiting(error);
    this.#host.state({ name: "idle" });
  }

  #failWaiting(error: Error): void {
    for (const run of this.#waiting.splice(0)) run.giveUp(error);
  }

  #errorOf(down: Down, action: string): Error {
    const why = down.reason === "" ? `close code ${down.code}` : down.reason;
    if (down.error !== null) return down.error;
    if (down.code === 4401 || action === "reauth")
      return new AtpError("EAUTH", `The router asks for other credentials: ${why}.`);
    if (down.code === 4403) return new AtpError("ESEC", `The router does not let this client in: ${why}.`);
    return connectError(`No connection to ${this.#settings.url}: ${why}.`, down.code);
  }
}
