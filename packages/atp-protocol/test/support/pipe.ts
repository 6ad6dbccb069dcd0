import {
  createEndpoint,
  decodeFrame,
  defaultLimits,
  type Encoded,
  type Endpoint,
  type EndpointConfig,
  type EndpointEffect,
  type EndpointEvent,
  encodeFrame,
  type Frame,
  type Grant,
  utf8Length,
} from "../../src/index.js";

/** An effect of an endpoint by its name. */
export type Effect<T extends EndpointEffect["t"]> = EndpointEffect & { readonly t: T };

type WithoutTime<E> = E extends unknown ? Omit<E, "at"> : never;
/** An event without its time. */
export type Input = WithoutTime<EndpointEvent>;

export const grant: Grant = {
  epoch: "e1",
  server: { name: "test", version: "1" },
  levels: [1],
  lease: { max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 },
  principal: { tenant: "default", sub: "anonymous" },
};

export const sizeOf = (data: Encoded): number => (typeof data === "string" ? utf8Length(data) : data.length);

export function configOf(over: Partial<EndpointConfig>): EndpointConfig {
  return { role: "router", limits: defaultLimits, capabilities: [], encode: encodeFrame, sizeOf, ...over };
}

/** One endpoint with a clock, and everything that it asked for. */
export class Rig {
  readonly endpoint: Endpoint;
  readonly effects: EndpointEffect[] = [];
  at = 0;

  constructor(readonly config: EndpointConfig) {
    this.endpoint = createEndpoint(config);
  }

  step(input: Input): readonly EndpointEffect[] {
    const effects = this.endpoint.step({ ...input, at: this.at });
    this.effects.push(...effects);
    return effects;
  }

  /** A frame's text as the peer would write it. */
  receive(text: string | Frame): readonly EndpointEffect[] {
    const raw = typeof text === "string" ? text : JSON.stringify(text);
    const decoded = decodeFrame(raw, this.config.limits);
    const bytes = utf8Length(raw);
    return decoded.ok
      ? this.step({ t: "socket.frame", frame: decoded.frame, bytes })
      : this.step({ t: "socket.refused", refusal: decoded.refusal, bytes });
  }

  /** Moves the clock, firing the endpoint's timer whenever it is due. */
  advance(ms: number): readonly EndpointEffect[] {
    const until = this.at + ms;
    const from = this.effects.length;
    for (let due = this.timer(); due !== null && due <= until; due = this.timer()) {
      this.at = Math.max(this.at, due);
      this.fired = this.effects.length;
      this.step({ t: "timer.fired" });
    }
    this.at = until;
    return this.effects.slice(from);
  }

  private fired = 0;
  private timer(): number | null {
    const set = this.effects.slice(this.fired).filter((effect) => effect.t === "timer");
    return (set.at(-1) as Effect<"timer"> | undefined)?.at ?? null;
  }

  /** Frames put on the socket, decoded. */
  sent(from = 0): Frame[] {
    return framesOf(this.effects.slice(from));
  }

  of<T extends EndpointEffect["t"]>(t: T): Effect<T>[] {
    return this.effects.filter((effect): effect is Effect<T> => effect.t === t);
  }
}

/** The frames among effects, as a strict peer decodes them. */
export function framesOf(effects: readonly EndpointEffect[]): Frame[] {
  return effects
    .filter((effect): effect is Effect<"transmit"> => effect.t === "transmit")
    .map((effect) => {
      const decoded = decodeFrame(effect.data as string, { max_frame_bytes: defaultLimits.max_message_bytes });
      if (!decoded.ok) throw new Error(`an endpoint sent a frame that is refused: ${decoded.refusal.message}`);
      return decoded.frame;
    });
}

/** A frame for tests, with the usual members. */
export function frame(over: Partial<Frame>): Frame {
  return { v: 1, session_id: "s1", stream_id: "st1", msg_seq: 1, flags: [], ...over };
}

/** The seed's SYN. */
export const syn = (over: Partial<Frame> = {}): Frame =>
  frame({
    flags: ["SYN"],
    qos: "gold",
    ttl: 8,
    payload: { type: "agent.result.partial", content: { prompt: "hello" } },
    ...over,
  });

/** A HELLO of a client. */
export const hello = (capabilities: readonly string[] = [], more: object = {}): Frame =>
  frame({
    stream_id: "0",
    flags: ["CTRL"],
    payload: { type: "control.hello", content: { client: { name: "t", version: "1" }, capabilities, ...more } },
  });
