import { closeAction } from "atp-protocol";
import type { Frame, HelloContent, StatusContent, WelcomeContent } from "atp-protocol";
import type { Backoff } from "./backoff.js";
import { connectError, downError } from "./errors.js";
import { Line } from "./line.js";
import type { LineHost } from "./line.js";
import type { LiveRun } from "./live-run.js";
import type { LinkHost } from "./link-host.js";
import { maskFrame } from "./masking.js";
import { askToken, mayFollow } from "./options.js";
import type { Settings } from "./options.js";
import { readError } from "./run-events.js";
import { Session } from "./session.js";
import { WaitingRuns } from "./waiting-runs.js";
import { offered } from "./wire.js";
import type { Down, SessionHost, SessionSettings } from "./session-host.js";

/** Close codes 45xx are answered by so many tries (A12). */
const LIMITED_TRIES = 3;
/** Within what time a resume "now" is made (A12). */
const RESUME_NOW_MS = 1_000;

/** Keeps one session on a working socket for as long as runs need it, and decides when to try again. */
export class Link implements LineHost, SessionHost {
  readonly #settings: Settings;
  readonly #host: LinkHost;
  readonly #backoff: Backoff;
  readonly #resume: HelloContent["resume"];
  /** Runs that the session does not have yet, oldest first. */
  readonly #waiting: WaitingRuns;
  #session: Session | null = null;
  /** A socket on its way, and the token that its HELLO will show. */
  #dialing: { readonly line: Line; readonly token: string | undefined } | null = null;
  /** A socket on its way to where the session moves, while the older one still works. */
  #move: { readonly line: Line; readonly token: string | undefined; readonly url: string } | null = null;
  /** Where this session is, if elsewhere. */
  #url: string | undefined;
  /** A token is being asked for. */
  #preparing = false;
  #renewed = false;
  #resumedNow = false;
  #limitedTries = 0;
  #draining = false;
  #closed = false;
  #stopRetry: (() => void) | null = null;
  #stopDeadline: () => void = () => undefined;

  /** @param resume a detached stream that its first session takes up */
  constructor(settings: Settings, backoff: Backoff, host: LinkHost, resume?: HelloContent["resume"]) {
    this.#settings = settings;
    this.#resume = resume;
    this.#waiting = new WaitingRuns(settings.maxQueuedBytes);
    this.#host = host;
    this.#backoff = backoff;
  }

  submit(run: LiveRun): void {
    this.#waiting.push(run);
    this.#pump();
    this.#waiting.bound(run);
  }

  withdraw(run: LiveRun): void {
    this.#waiting.remove(run);
  }

  /** Gives what it has not sent to another link. */
  takeWaiting(): LiveRun[] {
    return this.#waiting.takeAll();
  }

  /** Fails what waits and closes for good. */
  close(): void {
    this.#closed = true;
    this.#stopRetry?.();
    this.#stopDeadline();
    this.#waiting.fail(connectError("The client is closed."));
    this.#dialing?.line.close(1000, "");
    this.#move?.line.close(1000, "");
    this.#session?.end(1000, "");
  }

  /** The network is back, or somebody looks: no reason to wait longer, and what is dead shows. */
  wake(): void {
    this.#session?.wake();
    if (this.#stopRetry === null) return;
    this.#stopRetry();
    this.#stopRetry = null;
    void this.#dial();
  }

  // ---- from the socket ----

  opened(line: Line): void {
    const move = this.#move;
    if (line === move?.line) {
      this.#move = null;
      if (this.#session === null) return line.close(1000, "");
      this.#dialing?.line.close(1000, "");
      this.#dialing = null;
      this.#url = move.url;
      this.#watchWelcome();
      this.#session.use(line, move.token);
    } else if (line === this.#dialing?.line) {
      const { token } = this.#dialing;
      this.#dialing = null;
      this.#session ??= new Session(this.#sessionSettings(), this);
      this.#session.use(line, token);
    }
    this.#pump();
  }

  received(line: Line, data: string | ArrayBuffer, bytes: number): void {
    if (this.#session?.line === line) this.#session.receive(data, bytes);
  }

  ended(line: Line, code: number, reason: string): void {
    if (line === this.#move?.line) this.#move = null;
    else if (this.#session?.line === line) this.#session.lost(code, reason);
    else if (line === this.#dialing?.line) this.#notOpened(code, reason);
  }

  // ---- from the session ----

  welcomed(session: Session, content: WelcomeContent): void {
    this.#backoff.succeeded(this.#settings.clock.now());
    this.#renewed = false;
    this.#resumedNow = false;
    this.#limitedTries = 0;
    this.#stopDeadline();
    if (content.resume_url !== undefined && this.#mayFollow(content.resume_url)) this.#url = content.resume_url;
    this.#host.tell("welcome", content);
    this.#host.state(this, { name: "open", welcome: content });
    if (session === this.#session) this.#pump();
  }

  control(session: Session, frame: Frame): void {
    const content = frame.payload?.content;
    switch (frame.payload?.type) {
      case "error": {
        const error = readError(content);
        if (error !== null) this.#host.tell("warning", error);
        return;
      }
      case "control.status": {
        const status = content as StatusContent;
        this.#host.tell("status", status);
        if (status.state !== "DRAINING") return;
        this.#host.tell("goaway", { drainMs: status.drain_ms, resumeUrl: status.resume_url });
        this.#drained(session, status.resume_url);
        return;
      }
      case "control.auth":
        if (typeof (content as { deadline_ms?: unknown } | null)?.deadline_ms === "number") void this.#renew(session);
        return;
      default:
    }
  }

  returned(run: LiveRun): void {
    this.#waiting.push(run);
  }

  frame(direction: "in" | "out", frame: Frame, bytes: number): void {
    this.#host.tell("frame", { direction, frame: maskFrame(frame), bytes });
  }

  down(session: Session, down: Down): void {
    if (!session.detached) this.#forget(session);
    this.#retry(down);
  }

  expired(session: Session): void {
    this.#forget(session);
    if (this.#waiting.count === 0) this.#rest();
  }

  // ---- inside ----

  #forget(session: Session): void {
    if (session !== this.#session) return;
    this.#session = null;
    this.#url = undefined;
  }

  #notOpened(code: number, reason: string): void {
    this.#dialing = null;
    this.#retry({ code, reason, error: null, opened: false });
  }

  /** A socket is gone: what its end asks for, by its band (A12). */
  #retry(down: Down): void {
    this.#stopDeadline();
    if (this.#closed) return;
    const { clock, token } = this.#settings;
    const action = down.opened ? closeAction(down.code) : "resume_backoff";
    const error = downError(down, action, this.#settings.url);
    const isLost =
      action === "fatal" ||
      (action === "reauth" && (this.#renewed || typeof token !== "function")) ||
      (action === "backoff_limited" && ++this.#limitedTries >= LIMITED_TRIES);
    if (action === "reauth") this.#renewed = true;
    else if (action === "resume_now" && !this.#resumedNow) {
      this.#resumedNow = true;
      this.#backoff.jitter(clock.now(), RESUME_NOW_MS);
    } else this.#backoff.failed(clock.now());
    if (isLost) {
      this.#session?.end(down.code, down.reason);
      this.#rest(error);
    } else if (this.#backoff.exhausted && this.#session === null) {
      this.#rest(error);
    } else {
      // A session that can be resumed is tried for as long as it lives; what was never sent need not wait for that.
      if (this.#backoff.exhausted) this.#waiting.fail(error);
      this.#host.state(this, { name: "idle" });
      this.#pump(error);
    }
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#draining && this.#session === null && this.#waiting.count === 0) this.#host.done(this);
  }

  get #isNeeded(): boolean {
    return this.#waiting.count > 0 || this.#session?.detached === true;
  }

  /** Gives waiting runs to the session, or sees to it that it has a socket. */
  #pump(error: Error | null = null): void {
    if (this.#closed || !this.#isNeeded) return;
    const session = this.#session;
    if (session !== null && session.line !== null) {
      for (const run of this.#waiting.takeAll()) {
        if (session.takes(run)) session.open(run);
        else this.#waiting.push(run);
      }
      return;
    }
    if (this.#preparing || this.#dialing !== null || this.#stopRetry !== null) return;
    const delayMs = this.#backoff.delayMs(this.#settings.clock.now());
    if (delayMs === 0) {
      void this.#dial();
      return;
    }
    const attempt = this.#backoff.failures + 1;
    const why = error ?? connectError("The connection was lost.");
    this.#host.state(this, { name: "waiting", attempt, delayMs, error: why });
    this.#stopRetry = this.#settings.clock.after(delayMs, () => {
      this.#stopRetry = null;
      if (this.#isNeeded) void this.#dial();
      else this.#host.state(this, { name: "idle" });
    });
  }

  async #dial(): Promise<void> {
    this.#preparing = true;
    this.#host.state(this, { name: "connecting", attempt: this.#backoff.failures + 1 });
    let token: string | undefined;
    try {
      token = await askToken(this.#settings.token);
    } catch (thrown) {
      this.#preparing = false;
      this.#again(connectError("The token function failed, so no connection was made.", undefined, thrown));
      return;
    }
    this.#preparing = false;
    if (this.#closed) return;
    if (!this.#isNeeded) return this.#host.state(this, { name: "idle" });
    const url = this.#url ?? this.#settings.url;
    try {
      this.#dialing = { line: this.#line(url), token };
    } catch (thrown) {
      this.#again(connectError(`A socket to ${url} cannot be made.`, undefined, thrown));
      return;
    }
    this.#watchWelcome();
  }

  /** An attempt ended before its socket: another one follows while it is worth it. */
  #again(error: Error): void {
    this.#backoff.failed(this.#settings.clock.now());
    if (this.#closed) return;
    if (this.#backoff.exhausted) this.#rest(error);
    else this.#host.state(this, { name: "idle" });
    this.#pump(error);
  }

  #watchWelcome(): void {
    const { clock, connectTimeoutMs } = this.#settings;
    this.#stopDeadline();
    this.#stopDeadline = clock.after(connectTimeoutMs, () => {
      const reason = `no welcome within ${connectTimeoutMs} ms`;
      this.#dialing?.line.close(1006, reason);
      if (this.#dialing !== null) this.#notOpened(1006, reason);
      else if (this.#session?.line != null) this.#session.drop(1006, reason);
    });
  }

  /** A router that shuts down: its streams move to where it says, or end there; what comes next goes elsewhere (A9.6). */
  #drained(session: Session, resumeUrl: string | undefined): void {
    if (session !== this.#session) return;
    if (resumeUrl !== undefined && this.#mayFollow(resumeUrl)) {
      if (this.#move === null && this.#url !== resumeUrl) void this.#moveTo(resumeUrl);
      return;
    }
    this.#draining = true;
    this.#host.draining(this);
    if (session.load === 0) session.end(1000, "");
  }

  /** Opens the new socket while the older one still works (A9.6). */
  async #moveTo(url: string): Promise<void> {
    try {
      const token = await askToken(this.#settings.token);
      if (this.#closed || this.#session === null || this.#move !== null) return;
      this.#move = {
        line: this.#line(url),
        token,
        url,
      };
    } catch (thrown) {
      // The older socket's end will have the session resumed anyway.
      this.#settings.logger.warn?.("the session cannot move ahead of the drain", { thrown });
    }
  }

  #line(url: string): Line {
    return new Line(this.#settings.socket(url, this.#session?.subprotocols ?? offered(this.#settings.codecs)), this);
  }

  #mayFollow(url: string): boolean {
    const { url: own, resumeHosts, logger } = this.#settings;
    if (mayFollow(own, url, resumeHosts)) return true;
    logger.warn?.("resume_url names another host or scheme, so it is not followed", { url });
    return false;
  }

  #sessionSettings(): SessionSettings {
    return { ...this.#settings, resume: this.#resume, inspected: () => this.#host.inspected() };
  }

  async #renew(session: Session): Promise<void> {
    try {
      const token = await askToken(this.#settings.token);
      if (token !== undefined) session.control(null, { type: "control.auth", content: { token } });
    } catch (thrown) {
      this.#settings.logger.warn?.("the token function failed; the router will close at its deadline", { thrown });
    }
  }

  /** Nothing more can be done for what waits. The next `stream()` begins anew, no sooner than the backoff allows. */
  #rest(error: Error | null = null): void {
    this.#backoff.restart();
    if (error !== null) this.#waiting.fail(error);
    this.#host.state(this, { name: "idle" });
  }
}
