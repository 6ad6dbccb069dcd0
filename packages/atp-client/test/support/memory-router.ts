import { createEndpoint, decodeFrame, defaultLimits, encodeFrame, utf8Length } from "atp-protocol";
import type {
  Endpoint,
  EndpointEvent,
  ErrorContent,
  Frame,
  HelloContent,
  Payload,
  StreamRef,
  Telemetry,
  AtpError,
} from "atp-protocol";
import type { ClientSocket } from "../../src/index.js";
import type { VirtualClock } from "./virtual-clock.js";

type Event = EndpointEvent extends infer E ? (E extends { readonly t: string } ? Omit<E, "at"> : never) : never;

/** What a scripted router does when streams come and go. */
export interface Script {
  opened?(stream: ServedStream, frame: Frame): void;
  cancelled?(stream: ServedStream, reason: string): void;
  window?(content: unknown): void;
  /** @returns a refusal, or nothing to grant it. */
  /** What the router announces. @default nothing */
  readonly capabilities?: readonly string[];
  hello?(hello: HelloContent): { error: ErrorContent; closeCode: number } | undefined;
}

/** A router's side of the wire: the router-role endpoint on one end of a socket in memory. */
export class MemoryRouter {
  readonly connections: ServedConnection[] = [];
  readonly protocols: (readonly string[])[] = [];
  /** How the next dials end: `open`, `refuse` (close code 1006 before it opens), or `hang`. */
  dials: ("open" | "refuse" | "hang")[] = [];
  readonly #clock: VirtualClock;
  readonly #script: Script;

  constructor(clock: VirtualClock, script: Script) {
    this.#clock = clock;
    this.#script = script;
  }

  readonly socket = (_url: string, protocols: readonly string[]): ClientSocket => {
    this.protocols.push(protocols);
    const how = this.dials.shift() ?? "open";
    const connection = new ServedConnection(this.#clock, this.#script);
    if (how === "open") {
      this.connections.push(connection);
      queueMicrotask(() => {
        connection.open();
      });
    }
    if (how === "refuse") queueMicrotask(() => connection.client.onclose?.({ code: 1006, reason: "" }));
    return connection.client;
  };

  get last(): ServedConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("no connection was made");
    return connection;
  }
}

/** One accepted connection. */
export class ServedConnection {
  readonly client: ClientSocket;
  /** Frames of the client, as they came. */
  readonly received: Frame[] = [];
  closedBy: { code: number; reason: string } | null = null;
  readonly #endpoint: Endpoint;
  readonly #clock: VirtualClock;
  readonly #script: Script;
  #over = false;
  #inFlight = 0;

  constructor(clock: VirtualClock, script: Script) {
    this.#clock = clock;
    this.#script = script;
    this.#endpoint = createEndpoint({
      role: "router",
      limits: defaultLimits,
      capabilities: script.capabilities ?? [],
      encode: encodeFrame,
      sizeOf: (data) => (typeof data === "string" ? utf8Length(data) : data.byteLength),
    });
    this.client = {
      protocol: "atp.v1+json",
      bufferedAmount: 0,
      binaryType: "",
      onopen: null,
      onmessage: null,
      onerror: null,
      onclose: null,
      send: (data) => {
        queueMicrotask(() => {
          this.#receive(data);
        });
      },
      close: (code = 1005, reason = "") => {
        this.#over = true;
        this.closedBy = { code, reason };
      },
    };
  }

  open(): void {
    if (this.#over) return;
    this.step({ t: "socket.opened", subprotocol: "atp.v1+json" });
    this.client.onopen?.();
  }

  /** Sends a text as it is, past the endpoint. */
  raw(text: string): void {
    this.client.onmessage?.({ data: text });
  }

  /** The socket dies, or the router closes it. */
  drop(code = 1006, reason = ""): void {
    this.#over = true;
    this.client.onclose?.({ code, reason });
  }

  step(event: Event): void {
    for (const effect of this.#endpoint.step({ at: this.#clock.now(), ...event })) {
      switch (effect.t) {
        case "transmit": {
          const data = effect.data;
          this.#inFlight++;
          queueMicrotask(() => {
            if (!this.#over) this.client.onmessage?.({ data });
            this.#inFlight--;
            if (this.#inFlight === 0) this.step({ t: "socket.buffered", bytes: 0 });
          });
          break;
        }
        case "close": {
          const { code, reason } = effect;
          queueMicrotask(() => {
            if (!this.#over) this.drop(code, reason);
          });
          break;
        }
        case "hello": {
          const refusal = this.#script.hello?.(effect.hello);
          if (refusal !== undefined) this.step({ t: "hello.refused", ...refusal });
          else this.step({ t: "hello.granted", grant });
          break;
        }
        case "stream.opened":
          this.#script.opened?.(new ServedStream(this, effect.stream), effect.frame);
          break;
        case "stream.cancelled":
          this.#script.cancelled?.(new ServedStream(this, effect.stream), effect.reason);
          break;
        case "window":
          this.#script.window?.(effect.content);
          break;
        default:
      }
    }
  }

  #receive(data: string | Uint8Array): void {
    if (this.#over) return;
    const text = String(data);
    const decoded = decodeFrame(text, defaultLimits);
    const bytes = utf8Length(text);
    if (!decoded.ok) return this.step({ t: "socket.refused", refusal: decoded.refusal, bytes });
    this.received.push(decoded.frame);
    this.step({ t: "socket.frame", frame: decoded.frame, bytes });
  }
}

const grant = {
  epoch: "e1",
  server: { name: "memory", version: "1" },
  levels: [1],
  lease: { max_parallel: 64, max_tokens: 1_000_000, max_usd_micros: 1_000_000 },
  principal: { tenant: "default", sub: "test" },
};

export const bill: Telemetry = { tokens: 12, usd: 34, latency_ms: 56 };

/** One stream, from the router's side. */
export class ServedStream {
  readonly #connection: ServedConnection;
  readonly #ref: StreamRef;

  constructor(connection: ServedConnection, ref: StreamRef) {
    this.#connection = connection;
    this.#ref = ref;
  }

  accept(): this {
    this.#connection.step({ t: "stream.accept", stream: this.#ref, qos: "silver", window: { max_tokens: 500 } });
    return this;
  }

  send(type: string, content: unknown, more: Partial<Payload> = {}): this {
    this.#connection.step({ t: "stream.send", stream: this.#ref, message: { payload: { type, content, ...more } } });
    return this;
  }

  partial(adapter: string, chunk: number, text: string, attempt = 0): this {
    const payload = { type: "agent.result.partial", content: { adapter, chunk, attempt, text }, confidence: 0.5 };
    const message = { payload, mergeKey: `${adapter}/${attempt}` };
    this.#connection.step({ t: "stream.send", stream: this.#ref, message });
    return this;
  }

  control(type: string, content: unknown): this {
    this.#connection.step({ t: "stream.control", stream: this.#ref, payload: { type, content } });
    return this;
  }

  finish(answer: string): void {
    const payload = { type: "agent.result.final", content: { ok: true, answer, adapter: "a" } };
    this.#connection.step({ t: "stream.end", stream: this.#ref, flag: "FIN", payload, telemetry: bill });
  }

  end(flag: "FIN" | "RST", payload: Payload): void {
    this.#connection.step({ t: "stream.end", stream: this.#ref, flag, payload, telemetry: bill });
  }

  refuse(error: AtpError): void {
    this.end("RST", { type: "error", content: error.toContent() });
  }
}
