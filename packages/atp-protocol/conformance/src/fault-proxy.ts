import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { closePayload, FrameReader, OPCODE, type WsFrame, writeFrame } from "./live/ws-frames.js";

/** Which way a frame goes. */
export type Direction = "to-client" | "to-router";

/**
 * What goes wrong on one connection. Frames are counted from 1 in their direction, data frames only; a fault without
 * `direction` looks at what goes to the client.
 */
export type Fault = { readonly direction?: Direction } & (
  | { readonly t: "none" }
  /** Both connections are destroyed once frame `after` has passed. */
  | { readonly t: "cut"; readonly after: number }
  /** Only so many bytes of frame `at` pass, then both connections are destroyed. */
  | { readonly t: "cut-inside"; readonly at: number; readonly bytes: number }
  /** The connections are destroyed in the middle of the first message that comes in fragments of ATP: after its first one. */
  | { readonly t: "cut-between-fragments" }
  /** From frame `after` on nothing passes in either direction, and nothing is closed. */
  | { readonly t: "half-open"; readonly after: number }
  /** Frame `at` passes twice. */
  | { readonly t: "duplicate"; readonly at: number }
  /** Every frame of the direction waits so long. */
  | { readonly t: "delay"; readonly ms: number }
  /** The connections are destroyed so long after they were made. */
  | { readonly t: "lifetime"; readonly ms: number }
  /** A close frame with the code, or without one, goes both ways after frame `after`. */
  | { readonly t: "close"; readonly after: number; readonly code: number | null }
);

/** The numbers that each fault needs, by its name. */
const members: Readonly<Record<Fault["t"], readonly string[]>> = {
  none: [],
  cut: ["after"],
  "cut-inside": ["at", "bytes"],
  "cut-between-fragments": [],
  "half-open": ["after"],
  duplicate: ["at"],
  delay: ["ms"],
  lifetime: ["ms"],
  close: ["after"],
};

/** Whether a value from outside is a fault. */
export function isFault(value: unknown): value is Fault {
  if (typeof value !== "object" || value === null) return false;
  const bag = value as Readonly<Record<string, unknown>>;
  const needs = Object.hasOwn(members, String(bag["t"])) ? members[bag["t"] as Fault["t"]] : undefined;
  if (needs === undefined || !needs.every((name) => Number.isSafeInteger(bag[name]) && (bag[name] as number) >= 0))
    return false;
  const { direction, code } = bag;
  if (direction !== undefined && direction !== "to-client" && direction !== "to-router") return false;
  return bag["t"] !== "close" || code === null || Number.isSafeInteger(code);
}

/** A proxy before a router that breaks connections as it is told. */
export interface FaultProxy {
  /** The URL to connect to, with the path of the router's. */
  readonly url: string;
  /** Faults of the next connections, one each in this order; when there are none left, nothing goes wrong. */
  plan(...faults: readonly Fault[]): void;
  /** Connections that were made. */
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Starts a proxy on a free port of loopback, before a router at `ws://host:port/path`. It passes the handshake on as it
 * is and looks at WebSocket frames after it.
 */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port, host, pathname } = new URL(target);
  const planned: Fault[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((client) => {
    connections++;
    const router = connect(Number(port), hostname);
    for (const socket of [client, router]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => open.delete(socket));
    }
    new Pair(client, router, planned.shift() ?? { t: "none" }, host).run();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${address.port}${pathname}`,
    plan: (...faults) => void planned.push(...faults),
    get connections() {
      return connections;
    },
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** One connection through the proxy. */
class Pair {
  readonly #counts: Record<Direction, number> = { "to-client": 0, "to-router": 0 };
  #silent = false;
  #timers: NodeJS.Timeout[] = [];

  constructor(
    readonly client: Socket,
    readonly router: Socket,
    readonly fault: Fault,
    readonly host: string,
  ) {}

  run(): void {
    const { fault } = this;
    if (fault.t === "lifetime") this.#timers.push(setTimeout(() => this.#destroy(), fault.ms));
    this.#pipe(this.client, this.router, "to-router");
    this.#pipe(this.router, this.client, "to-client");
  }

  #pipe(from: Socket, to: Socket, direction: Direction): void {
    const reader = new FrameReader();
    let head: Buffer | null = Buffer.alloc(0);
    const read = (data: Buffer): void => {
      if (head === null) {
        for (const frame of reader.push(data)) this.#frame(to, frame, direction);
        return;
      }
      head = Buffer.concat([head, data]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      // The router compares `Host` with its own names.
      const text = head
        .subarray(0, end + 4)
        .toString("latin1")
        .replace(/^host: .*$/im, `Host: ${this.host}`);
      const rest = head.subarray(end + 4);
      head = null;
      to.write(text, "latin1");
      if (rest.length > 0) read(rest);
    };
    from.on("data", read);
    // A half-open connection does not learn that the other side has gone.
    from.on("close", () => this.#silent || this.#destroy());
  }

  #frame(to: Socket, frame: WsFrame, direction: Direction): void {
    if (this.#silent) return;
    const { fault } = this;
    const isData = frame.opcode <= OPCODE.binary;
    if (!isData || (fault.direction ?? "to-client") !== direction) {
      to.write(frame.raw);
      return;
    }
    const count = ++this.#counts[direction];
    switch (fault.t) {
      case "cut-inside":
        if (count !== fault.at) break;
        to.write(frame.raw.subarray(0, fault.bytes), () => this.#destroy());
        this.#silent = true;
        return;
      case "cut":
        if (count < fault.after) break;
        to.write(frame.raw, () => this.#destroy());
        this.#silent = true;
        return;
      case "cut-between-fragments":
        if (!isFirstFragment(frame)) break;
        to.write(frame.raw, () => this.#destroy());
        this.#silent = true;
        return;
      case "half-open":
        if (count >= fault.after) this.#silent = true;
        break;
      case "duplicate":
        if (count === fault.at) to.write(frame.raw);
        break;
      case "delay":
        // Timers of the same length fire in the order in which they were set.
        this.#timers.push(setTimeout(() => to.writable && to.write(frame.raw), fault.ms));
        return;
      case "close":
        if (count !== fault.after) break;
        to.write(frame.raw);
        this.#close(fault.code);
        return;
      case "none":
      case "lifetime":
        break;
    }
    to.write(frame.raw);
  }

  /** Says goodbye to both: masked to the router, plain to the client. */
  #close(code: number | null): void {
    this.#silent = true;
    const payload = closePayload(code);
    this.client.end(writeFrame(OPCODE.close, payload, null));
    this.router.end(writeFrame(OPCODE.close, payload, Buffer.from([1, 2, 3, 4])));
  }

  #destroy(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.client.destroy();
    this.router.destroy();
  }
}

/** The first of the frames in which a message of ATP travels (A6). */
function isFirstFragment(frame: WsFrame): boolean {
  const text = frame.payload.toString("utf8");
  return text.includes('"atp.fragment"') && !/"frag_seq":[1-9]/.test(text);
}
