import { createClientEndpoint, fragmentation } from "atp-protocol";
import type {
  AtpError,
  Encoded,
  ClientEndpoint,
  EndpointEffect,
  EndpointEvent,
  Frame,
  Payload,
  StreamRef,
  WelcomeContent,
} from "atp-protocol";
import { BufferedPoll } from "./buffered-poll.js";
import type { Line } from "./line.js";
import type { Carrier, LiveRun } from "./live-run.js";
import { readError, readResumed } from "./run-events.js";
import type { Feedback } from "./run.js";
import { endpointConfig, openingBytesBeforeWelcome, openingEvent, sizeOf } from "./session-host.js";
import { Taken } from "./taken.js";
import { Unjudged } from "./unjudged.js";
import { Wire } from "./wire.js";
import type { EventWithoutTime, SessionHost, SessionSettings } from "./session-host.js";

/**
 * The endpoint of one session, on one socket after the other. It performs the endpoint's effects and decides nothing about
 * the protocol.
 */
export class Session implements Carrier {
  readonly #endpoint: ClientEndpoint;
  readonly #settings: SessionSettings;
  readonly #host: SessionHost;
  readonly #runs = new Map<StreamRef, LiveRun>();
  readonly #unjudged = new Unjudged();
  readonly #poll: BufferedPoll;
  readonly #inbox: EndpointEvent[] = [];
  readonly #taken: Taken;
  #stepping = false;
  /** The running step put something on the socket. */
  #sent = false;
  #opening: LiveRun | null = null;
  #line: Line | null = null;
  /** The socket that the session moves away from. */
  #older: Line | null = null;
  #token: string | undefined;
  readonly #wire: Wire;
  /** On the present socket. */
  #welcomed = false;
  #everWelcomed = false;
  #detached = false;
  #over = false;
  #moving = false;
  #error: AtpError | null = null;
  #stopTimer: () => void = () => undefined;

  constructor(settings: SessionSettings, host: SessionHost) {
    this.#settings = settings;
    this.#host = host;
    this.#wire = new Wire(settings.codecs, settings.limits);
    this.#poll = new BufferedPoll(settings.clock, (bytes) => {
      this.#step({ t: "socket.buffered", bytes });
    });
    this.#taken = new Taken(settings.clock, (run, seq) => {
      this.#step({ t: "stream.consumed", stream: run.ref, seq });
    });
    const config = endpointConfig(
      settings,
      () => this.#token,
      (frame) => this.#wire.encode(frame),
    );
    this.#endpoint = createClientEndpoint(config, fragmentation);
  }

  /** What to offer on its next socket. */
  get subprotocols(): readonly string[] {
    return this.#wire.subprotocols;
  }

  get line(): Line | null {
    return this.#line;
  }

  /** Without a socket, and with streams that another one can resume. */
  get detached(): boolean {
    return this.#detached;
  }

  /** Runs that have not ended on the wire. */
  get load(): number {
    return this.#runs.size;
  }

  /** Speaks on a socket that has opened; the one before it is closed when the router answers on the new one (A9.6). */
  use(line: Line, token: string | undefined): void {
    if (this.#line !== null) {
      this.#older = this.#line;
      this.#moving = true;
      this.#step({ t: "socket.closed", code: 4000, reason: "moved" });
      this.#moving = false;
    }
    this.#line = line;
    this.#wire.choose(line.protocol);
    this.#token = token;
    this.#detached = this.#welcomed = false;
    this.#error = null;
    this.#step({ t: "socket.opened", subprotocol: line.protocol });
  }

  /** Whether a run may be sent now: a large one waits for the router's welcome, which tells who asks and what fits. */
  takes(run: LiveRun): boolean {
    if (this.#line === null) return false;
    if (this.#welcomed) return true;
    return run.size < openingBytesBeforeWelcome(this.#settings, this.#token);
  }

  open(run: LiveRun): void {
    run.ref = `${this.#settings.sessionId}/${run.streamId}`;
    this.#runs.set(run.ref, run);
    run.carriedBy(this);
    // The HELLO has asked for it already.
    if (run.opening === null) return;
    this.#opening = run;
    this.#step(openingEvent(this.#settings, run.streamId, run.opening));
    this.#opening = null;
  }

  cancel(run: LiveRun, reason: string | undefined): void {
    this.#step({ t: "stream.cancel", stream: run.ref, ...(reason === undefined ? {} : { reason }) });
  }

  control(run: LiveRun | null, payload: Payload): void {
    this.#step({ t: "stream.control", stream: run === null ? null : run.ref, payload });
  }

  consumed(run: LiveRun, seq: number, isLast: boolean): void {
    this.#taken.take(run, seq, isLast);
  }

  feedback(run: LiveRun, feedback: Feedback): boolean {
    if (this.#over || this.#line === null || !this.#welcomed) return false;
    const message = { payload: { type: "agent.feedback", content: feedback } };
    this.#step({ t: "stream.send", stream: run.ref, message });
    return true;
  }

  letGo(run: LiveRun): void {
    this.#runs.delete(run.ref);
  }

  /** The socket's own end. */
  lost(code: number, reason: string): void {
    this.#line = null;
    this.#step({ t: "socket.closed", code, reason });
  }

  /** Gives up the socket, and nothing else. */
  drop(code: number, reason: string): void {
    this.#line?.close(code, reason);
    this.lost(code, reason);
  }

  /** The end of the session: what still runs is cut. */
  end(code: number, reason: string): void {
    this.#step({ t: "close", code, reason });
    // Without a socket there was nothing to close.
    if (!this.#over) this.#step({ t: "socket.closed", code, reason });
  }

  /** The machine slept, or its timers were held back: what is due is done now. */
  wake(): void {
    this.#step({ t: "timer.fired" });
  }

  // ---- the socket ----

  receive(data: string | ArrayBuffer, bytes: number): void {
    const decoded = this.#wire.decode(data);
    if (!decoded.ok) {
      this.#step({ t: "socket.refused", refusal: decoded.refusal, bytes });
      return;
    }
    if (this.#settings.inspected()) this.#host.frame("in", decoded.frame, bytes);
    this.#run({ at: this.#settings.clock.now(), t: "socket.frame", frame: decoded.frame, bytes });
  }

  #transmit(data: Encoded): void {
    if (this.#line === null) return;
    const inspected = this.#settings.inspected();
    const isUnjudged = this.#opening !== null && !this.#welcomed;
    if (isUnjudged || inspected) {
      const bytes = sizeOf(data);
      if (isUnjudged) this.#unjudged.sent(bytes, this.#opening as LiveRun);
      const frame = inspected ? this.#wire.shown(data) : null;
      if (frame !== null) this.#host.frame("out", frame, bytes);
    }
    this.#line.send(data);
  }

  // ---- the endpoint ----

  /** Events that come while one is being handled wait for it: a user's listener may cancel from inside a message. */
  #step(event: EventWithoutTime): void {
    this.#run({ at: this.#settings.clock.now(), ...event });
  }

  #run(event: EndpointEvent): void {
    if (this.#over) return;
    if (this.#stepping) {
      this.#inbox.push(event);
      return;
    }
    this.#stepping = true;
    this.#sent = false;
    try {
      this.#handle(event);
      for (let next = this.#inbox.shift(); next !== undefined && !this.#over; next = this.#inbox.shift())
        this.#handle(next);
    } finally {
      this.#stepping = false;
    }
    if (this.#over) return;
    if (this.#sent) this.#poll.look(this.#line);
    if (this.#detached && this.#runs.size === 0) {
      this.#finish();
      this.#host.expired(this);
    }
  }

  #handle(event: EndpointEvent): void {
    const { t } = event;
    if (t === "socket.closed") this.#detached = false;
    for (const effect of this.#endpoint.step(event)) this.#perform(effect);
    if (t === "socket.closed" && !this.#moving) this.#closed(event.code, event.reason);
  }

  #perform(effect: EndpointEffect): void {
    switch (effect.t) {
      case "stream.message":
        return this.#runs.get(effect.stream)?.message(effect.frame);
      case "transmit":
        this.#sent = true;
        return this.#transmit(effect.data);
      case "timer":
        return this.#setTimer(effect.at);
      case "close":
        return this.#lose(effect.code, effect.reason);
      case "terminate":
        return this.#lose(1006, "the router does not answer");
      case "welcome":
        return this.#welcome(effect.content);
      case "stream.accepted":
        return this.#runs.get(effect.stream)?.accepted(effect.content);
      case "control":
        return this.#control(effect.stream, effect.frame);
      case "stream.attached":
        return this.#runs.get(effect.stream)?.reattached();
      case "stream.detached":
        if (!this.#moving) this.#detached = true;
        return;
      case "stream.ended": {
        const run = this.#runs.get(effect.stream);
        this.#runs.delete(effect.stream);
        // The run has all that came before: the router need keep nothing of it.
        this.#step({ t: "stream.consumed", stream: effect.stream, seq: effect.frame.msg_seq });
        return run?.ended(effect.by, effect.frame);
      }
      case "stream.cut": {
        const run = this.#runs.get(effect.stream);
        this.#runs.delete(effect.stream);
        return run === undefined ? undefined : this.#cut(run, effect.code, effect.reason);
      }
      case "violation":
        return this.#settings.logger.warn?.("protocol violation", { ...effect.error, stream: effect.stream });
      // A browser has neither pings nor a way to pause reading; the rest is a router's.
      default:
    }
  }

  #setTimer(at: number | null): void {
    this.#stopTimer();
    this.#stopTimer = () => undefined;
    if (at === null || this.#over) return;
    const { clock } = this.#settings;
    this.#stopTimer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#step({ t: "timer.fired" });
    });
  }

  #welcome(content: WelcomeContent): void {
    this.#welcomed = this.#everWelcomed = true;
    this.#leaveOlder();
    this.#host.welcomed(this, content);
  }

  #control(stream: StreamRef | null, frame: Frame): void {
    if (stream !== null) return this.#runs.get(stream)?.control(frame);
    const { type, content } = frame.payload ?? {};
    if (type === "error") this.#connectionError(content);
    if (type === "control.resumed") {
      for (const { stream_id, state } of readResumed(content))
        this.#runs.get(`${frame.session_id}/${stream_id}`)?.resumed(state);
    }
    this.#host.control(this, frame);
  }

  #connectionError(content: unknown): void {
    const error = readError(content);
    if (error === null) return;
    // An unknown session ends what ran in it, not the connection (A9.3).
    if (error.code !== "ERESUME") this.#error = error;
    const bytes = error.details?.["bytes"];
    const run = error.code === "ETOOBIG" ? this.#unjudged.take(bytes) : undefined;
    if (run === undefined) return;
    // Unparsed, so the router has no stream to end: this side ends it.
    this.#runs.delete(run.ref);
    run.giveUp(error);
  }

  /** The endpoint closes its socket; it does not wait for the peer. */
  #lose(code: number, reason: string): void {
    this.#line?.close(code, reason);
    this.#line = null;
    this.#step({ t: "socket.closed", code, reason });
  }

  #leaveOlder(): void {
    this.#older?.close(1000, "moved");
    this.#older = null;
  }

  #closed(code: number, reason: string): void {
    this.#poll.stop();
    this.#leaveOlder();
    this.#line = null;
    this.#unjudged.clear();
    if (!this.#detached) {
      // What is left never went out: it may go on another connection.
      for (const run of this.#runs.values()) this.#return(run);
      this.#runs.clear();
      this.#finish();
    }
    this.#welcomed = false;
    this.#host.down(this, { code, reason, error: this.#error, opened: true });
  }

  #finish(): void {
    this.#over = true;
    this.#detached = false;
    this.#stopTimer();
    this.#taken.stop();
    this.#poll.stop();
  }

  #cut(run: LiveRun, code: number, reason: string): void {
    const refused = !this.#everWelcomed && code >= 4300 && code < 4500;
    if (refused && !run.settled) this.#return(run);
    else run.cut(code, reason);
  }

  #return(run: LiveRun): void {
    run.uncarried();
    this.#host.returned(run);
  }
}
