import type { Router } from "../../../atp-router-core/src/index.js";
import type { VirtualClock } from "../../../atp-router-core/src/testing/index.js";
import type { ClientClock, ClientSocket } from "../../src/index.js";

/** One socket between a client and a router on virtual time, with the means to break it. */
export interface SimSocket {
  /** Neither side was told an end yet. */
  readonly whole: boolean;
  /** Both sides learn that it is gone; what was on its way is lost. */
  cut(code?: number): void;
  /** It dies, and only one side learns of it. */
  halfOpen(knows: "client" | "router"): void;
  /** While stalled, the router's bytes stay in its buffer. */
  stall(on: boolean): void;
}

/** The time of a simulation, as a client wants it. */
export function clientClock(clock: VirtualClock): ClientClock {
  return { now: () => clock.now(), after: (delayMs, fn) => clock.at(clock.now() + delayMs, fn) };
}

/** Makes sockets from a client into simulated routers. Each message takes its time, and each direction keeps its order. */
export class SimWire {
  readonly sockets: SimSocket[] = [];
  /** Called after each delivered frame, with its number over all sockets. */
  delivered: ((count: number, to: "client" | "router", text: string) => void) | undefined;
  /** Called with each frame that the client sends, whatever becomes of it. */
  sent: ((text: string) => void) | undefined;
  /** Which router takes the next dial. Null: nobody is there. */
  router: Router | null;
  /** The addresses that were dialled. */
  readonly urls: string[] = [];
  readonly #inject: ((text: string) => void)[] = [];
  readonly #clock: VirtualClock;
  readonly #latencyMs: number;
  #count = 0;

  constructor(clock: VirtualClock, router: Router, latencyMs = 3) {
    this.#clock = clock;
    this.router = router;
    this.#latencyMs = latencyMs;
  }

  /** Puts a frame of the connection itself into what a router sends, as if it had said so. */
  inject(socket: number, more: object): void {
    const frame = { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1, flags: ["CTRL"], ...more };
    this.#inject[socket]?.(JSON.stringify(frame));
  }

  readonly connect = (url: string): ClientSocket => {
    this.urls.push(url);
    const clock = this.#clock;
    const later = (fn: () => void): void => void clock.at(clock.now() + this.#latencyMs, fn);
    let atClient = true;
    let atRouter = true;
    let deaf = false;
    let stalled = false;
    let held: (() => void)[] = [];
    let heldBytes = 0;
    const lanes = { client: [] as (() => void)[], router: [] as (() => void)[] };
    const travel = (to: "client" | "router", arrive: () => void): void => {
      lanes[to].push(arrive);
      later(() => lanes[to].shift()?.());
    };
    const endClient = (code: number, reason: string): void => {
      if (!atClient) return;
      atClient = false;
      socket.onclose?.({ code, reason });
    };
    const endRouter = (code: number, reason: string): void => {
      if (!atRouter) return;
      atRouter = false;
      handler?.closed(code, reason);
    };
    const arrived = (to: "client" | "router", text: string): void => {
      this.#count++;
      this.delivered?.(this.#count, to, text);
    };
    const socket: ClientSocket = {
      protocol: "atp.v1+json",
      bufferedAmount: 0,
      binaryType: "",
      onopen: null,
      onmessage: null,
      onerror: null,
      onclose: null,
      send: (data) => {
        this.sent?.(String(data));
        travel("router", () => {
          if (!atRouter || deaf) return;
          handler?.text(String(data));
          arrived("router", String(data));
        });
      },
      close(code = 1005, reason = "") {
        atClient = false;
        travel("router", () => {
          if (!deaf) endRouter(code, reason);
        });
      },
    };
    const deliver = (text: string): void => {
      travel("client", () => {
        if (!atClient || deaf) return;
        socket.onmessage?.({ data: text });
        arrived("client", text);
      });
    };
    this.#inject.push(deliver);
    let flushing = false;
    const handler = this.router?.connect(
      {
        send(data) {
          if (!atRouter) return;
          const text = String(data);
          if (stalled) {
            held.push(() => {
              deliver(text);
            });
            heldBytes += text.length;
          } else deliver(text);
          if (flushing) return;
          flushing = true;
          later(() => {
            flushing = false;
            if (atRouter) handler?.flushed(heldBytes);
          });
        },
        close(code, reason) {
          travel("client", () => {
            if (!deaf) endClient(code, reason);
            endRouter(code, reason);
          });
        },
        terminate() {
          endRouter(1006, "");
          if (!deaf) endClient(1006, "");
        },
        ping: () => {
          later(() => {
            if (!deaf) handler?.alive();
          });
        },
        setReading: () => undefined,
        bufferedBytes: () => heldBytes,
      },
      { remote: "memory", subprotocol: "atp.v1+json", credentials: {} },
    );
    this.sockets.push({
      get whole() {
        return atClient && atRouter && !deaf;
      },
      cut(code = 1006) {
        deaf = true;
        endRouter(code, "");
        endClient(code, "");
      },
      halfOpen(knows) {
        deaf = true;
        if (knows === "client") endClient(1006, "");
        else endRouter(1006, "");
      },
      stall(on) {
        stalled = on;
        if (on) return;
        for (const release of held) release();
        held = [];
        heldBytes = 0;
        later(() => {
          if (atRouter) handler?.flushed(0);
        });
      },
    });
    later(() => {
      if (handler === undefined) endClient(1006, "");
      else if (atClient) socket.onopen?.();
    });
    return socket;
  };
}
