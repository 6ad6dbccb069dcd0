import { createClientEndpoint, decodeFrame, encodeFrame, payloadTypes, utf8Length } from "atp-protocol";
import type {
  Encoded,
  Endpoint,
  EndpointEffect,
  EndpointEvent,
  Frame,
  Payload,
  StreamRef,
  WelcomeContent,
  WireLimits,
  AtpError,
} from "atp-protocol";
import type { Carrier, LiveRun } from "./live-run.js";
import type { ClientClock, ClientLogger, ClientSocket } from "./ports.js";
import { readError } from "./run-events.js";

/** The subprotocol that this client speaks (A1.2). */
export const SUBPROTOCOL = "atp.v1+json";

/** Until it knows who asks, a router that wants credentials reads no larger frame (A2.3). */
const FRAME_BEFORE_WELCOME_BYTES = 16_384;

/** How often a socket that still holds much is asked what is left of it. */
const DRAIN_POLL_MS = 50;

/** How a connection went down. */
export interface Down {
  readonly code: number;
  readonly reason: string;
  /** The last error that the router told of the connection itself. */
  readonly error: AtpError | null;
  readonly opened: boolean;
  readonly welcomed: boolean;
}

/** What a connection tells its client. */
export interface ConnectionHost {
  /** Streams may be opened. */
  ready(connection: Connection): void;
  welcomed(connection: Connection, content: WelcomeContent): void;
  /** A control frame of the connection itself. */
  control(connection: Connection, frame: Frame): void;
  /** A run whose SYN did not happen because HELLO was refused: it may be sent again. */
  returned(run: LiveRun): void;
  /** For inspectors; called only while {@link ConnectionSettings.inspected} says so. */
  frame(direction: "in" | "out", frame: Frame, bytes: number): void;
  /** The end, exactly once. */
  down(connection: Connection, down: Down): void;
}

/** What does not change during a connection. */
export interface ConnectionSettings {
  readonly sessionId: string;
  readonly client: { readonly name: string; readonly version: string };
  readonly capabilities: readonly string[];
  readonly limits: WireLimits;
  readonly clock: ClientClock;
  readonly logger: ClientLogger;
  /** Whether anybody wants to see frames. */
  readonly inspected: () => boolean;
}

/** One socket with the endpoint that speaks on it. It performs the endpoint's effects and decides nothing about the protocol. */
export class Connection implements Carrier {
  readonly #socket: ClientSocket;
  readonly #endpoint: Endpoint;
  readonly #settings: ConnectionSettings;
  readonly #host: ConnectionHost;
  readonly #withToken: boolean;
  readonly #runs = new Map<StreamRef, LiveRun>();
  /** SYNs too large for a router with the default limits, by their size: its refusal names nothing else (A3.4). */
  readonly #large = new Map<number, LiveRun>();
  readonly #inbox: EndpointEvent[] = [];
  #stepping = false;
  #opening: LiveRun | null = null;
  #opened = false;
  #welcomed = false;
  #down = false;
  #error: AtpError | null = null;
  #failure = "";
  #stopTimer: () => void = () => undefined;
  #stopPoll: () => void = () => undefined;

  constructor(socket: ClientSocket, token: string | undefined, settings: ConnectionSettings, host: ConnectionHost) {
    this.#socket = socket;
    this.#settings = settings;
    this.#host = host;
    this.#withToken = token !== undefined;
    this.#endpoint = createClientEndpoint({
      role: "client",
      limits: settings.limits,
      capabilities: settings.capabilities,
      encode: encodeFrame,
      sizeOf,
      hello: {
        sessionId: settings.sessionId,
        content: {
          client: settings.client,
          capabilities: settings.capabilities,
          ...(token === undefined ? {} : { token }),
        },
      },
    });
    this.#listen();
  }

  /** Whether streams may be opened now. */
  get ready(): boolean {
    return this.#opened && !this.#down;
  }

  get welcomed(): boolean {
    return this.#welcomed;
  }

  /** Runs that have not ended on the wire. */
  get load(): number {
    return this.#runs.size;
  }

  /** Whether a run may be sent now: a large one waits until the router knows who asks. */
  takes(run: LiveRun): boolean {
    if (!this.ready) return false;
    if (this.#welcomed || !this.#withToken) return true;
    return utf8Length(JSON.stringify(run.opening)) < FRAME_BEFORE_WELCOME_BYTES - 1_024;
  }

  open(run: LiveRun): void {
    const { sessionId } = this.#settings;
    this.#runs.set(`${sessionId}/${run.streamId}`, run);
    run.carriedBy(this);
    this.#opening = run;
    this.#step({ t: "stream.open", sessionId, streamId: run.streamId, ...run.opening });
    this.#opening = null;
  }

  cancel(run: LiveRun, reason: string | undefined): void {
    this.#step({ t: "stream.cancel", stream: this.#refOf(run), ...(reason === undefined ? {} : { reason }) });
  }

  control(run: LiveRun | null, payload: Payload): void {
    this.#step({ t: "stream.control", stream: run === null ? null : this.#refOf(run), payload });
  }

  consumed(run: LiveRun, seq: number): void {
    this.#step({ t: "stream.consumed", stream: this.#refOf(run), seq });
  }

  /** Closes and does not wait for the peer (A9.1). */
  close(code: number, reason: string): void {
    if (this.#opened) this.#step({ t: "close", code, reason });
    this.#finish(code, reason, true);
  }

  #refOf(run: LiveRun): StreamRef {
    return `${this.#settings.sessionId}/${run.streamId}`;
  }

  // ---- the socket ----

  #listen(): void {
    const socket = this.#socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#opened = true;
      this.#step({ t: "socket.opened", subprotocol: socket.protocol });
      if (!this.#down) this.#host.ready(this);
    };
    socket.onmessage = ({ data }) => {
      this.#receive(data);
    };
    socket.onerror = ({ message }) => {
      this.#failure = message ?? "";
    };
    socket.onclose = ({ code, reason }) => {
      this.#finish(code, reason === "" ? this.#failure : reason, false);
    };
  }

  #receive(data: unknown): void {
    if (typeof data !== "string") {
      const bytes = data instanceof ArrayBuffer ? data.byteLength : 0;
      const refusal = { code: "EPROTO", rule: "A3.4", message: `a binary message under ${SUBPROTOCOL}` } as const;
      this.#step({ t: "socket.refused", refusal, bytes });
      return;
    }
    const bytes = utf8Length(data);
    // Without `fragments` a message comes whole, whatever its size (A6).
    const { max_frame_bytes, max_message_bytes } = this.#settings.limits;
    const whole = !this.#settings.capabilities.includes("fragments");
    const decoded = decodeFrame(data, { max_frame_bytes: whole ? max_message_bytes : max_frame_bytes });
    if (!decoded.ok) {
      this.#step({ t: "socket.refused", refusal: decoded.refusal, bytes });
      return;
    }
    if (this.#settings.inspected()) this.#host.frame("in", decoded.frame, bytes);
    this.#step({ t: "socket.frame", frame: decoded.frame, bytes });
  }

  #transmit(data: Encoded): void {
    if (this.#down) return;
    const inspected = this.#settings.inspected();
    if (this.#opening !== null || inspected) {
      const bytes = sizeOf(data);
      if (this.#opening !== null && bytes > this.#settings.limits.max_frame_bytes)
        this.#large.set(bytes, this.#opening);
      if (inspected && typeof data === "string") this.#host.frame("out", JSON.parse(data) as Frame, bytes);
    }
    this.#socket.send(data);
  }

  /** Tells the endpoint what the socket still holds; there is no event for it, so a full one is asked again. */
  #reportBuffered(): void {
    this.#stopPoll();
    if (this.#down) return;
    const bytes = this.#socket.bufferedAmount;
    this.#step({ t: "socket.buffered", bytes });
    if (bytes === 0) return;
    this.#stopPoll = this.#settings.clock.after(DRAIN_POLL_MS, () => {
      this.#reportBuffered();
    });
  }

  // ---- the endpoint ----

  /** Events that come while one is being handled wait for it: a user's listener may cancel from inside a message. */
  #step(event: EventWithoutTime): void {
    if (this.#down) return;
    this.#inbox.push({ at: this.#settings.clock.now(), ...event });
    if (this.#stepping) return;
    this.#stepping = true;
    let sent = false;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        for (const effect of this.#endpoint.step(next)) {
          sent ||= effect.t === "transmit";
          this.#perform(effect);
          if (this.#down) return;
        }
      }
    } finally {
      this.#stepping = false;
    }
    if (sent) this.#reportBuffered();
  }

  #perform(effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        return this.#transmit(effect.data);
      case "timer":
        return this.#setTimer(effect.at);
      case "close":
        return this.#finish(effect.code, effect.reason, true);
      case "terminate":
        return this.#finish(1006, "the router does not answer", true);
      case "welcome":
        this.#welcomed = true;
        return this.#host.welcomed(this, effect.content);
      case "stream.accepted":
        return this.#runs.get(effect.stream)?.accepted(effect.content);
      case "stream.message":
        return this.#runs.get(effect.stream)?.message(effect.frame);
      case "control":
        return this.#control(effect.stream, effect.frame);
      case "stream.ended": {
        const run = this.#runs.get(effect.stream);
        this.#runs.delete(effect.stream);
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
    if (at === null || this.#down) return;
    const { clock } = this.#settings;
    this.#stopTimer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#step({ t: "timer.fired" });
    });
  }

  #control(stream: StreamRef | null, frame: Frame): void {
    if (stream !== null) return this.#runs.get(stream)?.control(frame);
    if (frame.payload?.type === payloadTypes.error) this.#connectionError(frame.payload.content);
    this.#host.control(this, frame);
  }

  #connectionError(content: unknown): void {
    const error = readError(content);
    if (error === null) return;
    this.#error = error;
    const bytes = error.details?.["bytes"];
    const run = error.code === "ETOOBIG" && typeof bytes === "number" ? this.#large.get(bytes) : undefined;
    if (run === undefined || run.settled) return;
    // Unparsed, so the router has no stream to end: this side ends it.
    this.#large.delete(bytes as number);
    this.#runs.delete(this.#refOf(run));
    run.giveUp(error);
  }

  /** Ends the connection for good: open runs are cut, later events of the socket mean nothing. */
  #finish(code: number, reason: string, ours: boolean): void {
    if (this.#down) return;
    this.#down = true;
    this.#stopTimer();
    this.#stopPoll();
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // A socket that is destroyed while it connects still reports an error; nobody needs it, but it must be heard.
    socket.onerror = () => undefined;
    if (ours) closeSocket(socket, code, reason);
    for (const effect of this.#endpoint.step({ at: this.#settings.clock.now(), t: "socket.closed", code, reason })) {
      if (effect.t === "stream.cut") this.#perform(effect);
    }
    // Without resume nothing survives the socket, also what the endpoint had not begun.
    for (const run of this.#runs.values()) this.#cut(run, code, reason);
    this.#runs.clear();
    this.#host.down(this, { code, reason, error: this.#error, opened: this.#opened, welcomed: this.#welcomed });
  }

  #cut(run: LiveRun, code: number, reason: string): void {
    const refused = !this.#welcomed && code >= 4300 && code < 4500;
    if (!refused || run.settled) return run.cut(code, reason);
    run.uncarried();
    this.#host.returned(run);
  }
}

type EventWithoutTime = EndpointEvent extends infer E
  ? E extends { readonly t: string }
    ? Omit<E, "at">
    : never
  : never;

function sizeOf(data: Encoded): number {
  return typeof data === "string" ? utf8Length(data) : data.byteLength;
}

function closeSocket(socket: ClientSocket, code: number, reason: string): void {
  if (code === 1006 && socket.terminate !== undefined) return socket.terminate();
  // Browsers take only these codes, and a reason of 123 bytes.
  const allowed = code === 1000 || (code >= 3000 && code <= 4999) ? code : 1000;
  socket.close(allowed, reason.length <= 40 ? reason : reason.slice(0, 40));
}
