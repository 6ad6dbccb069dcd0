import type { Frame } from "atp-protocol";
import type { Clock } from "../ports/index.js";
import type { Router, SocketInfo } from "../runtime/index.js";

/** A client's end of an in-memory socket to a router. */
export interface MemorySocket {
  /** Frames received, in order. */
  readonly frames: readonly Frame[];
  /** Set when the socket was closed. */
  readonly closed: { readonly code: number; readonly reason: string } | undefined;
  /** Sends a frame, or any text. */
  send(frame: unknown): void;
  /** Drops the connection: the router sees 1006. */
  drop(): void;
  /** While stalled, what the router sends stays in its buffer. */
  stall(on: boolean): void;
  /** The stream's last frame, if it has ended. */
  end(streamId: string): Frame | undefined;
  /** Frames of one stream that carry a payload of this type. */
  of(streamId: string, type: string): readonly Frame[];
}

/** Connects to a router without a network. Each message takes `latencyMs` of virtual time. @param info.latencyMs default 0 */
export function connectMemorySocket(
  router: Router,
  clock: Clock,
  info: Partial<SocketInfo> & { readonly latencyMs?: number } = {},
): MemorySocket {
  const frames: Frame[] = [];
  const latencyMs = info.latencyMs ?? 0;
  let closed: MemorySocket["closed"];
  let stalled = false;
  let held: string[] = [];
  let heldBytes = 0;
  let told = false;

  /** What is on its way, by direction: a socket keeps order, also among messages of one moment. */
  const toClient: (() => void)[] = [];
  const toRouter: (() => void)[] = [];

  function travel(lane: (() => void)[], arrive: () => void): void {
    lane.push(arrive);
    clock.at(clock.now() + latencyMs, () => lane.shift()?.());
  }

  function receive(data: string): void {
    travel(toClient, () => {
      if (closed === undefined) frames.push(JSON.parse(data) as Frame);
    });
  }

  function end(code: number, reason: string): void {
    if (closed !== undefined) return;
    closed = { code, reason };
    clock.at(clock.now(), () => handler.closed(code, reason));
  }

  const handler = router.connect(
    {
      send(data) {
        const text = typeof data === "string" ? data : Buffer.from(data).toString("utf8");
        if (closed !== undefined) return;
        if (stalled) {
          held.push(text);
          heldBytes += Buffer.byteLength(text);
        } else {
          receive(text);
        }
        if (told) return;
        told = true;
        clock.at(clock.now(), () => {
          told = false;
          if (closed === undefined) handler.flushed(heldBytes);
        });
      },
      // What was sent before the close still arrives before it.
      close: (code, reason) => travel(toClient, () => end(code, reason)),
      terminate: () => end(1006, "terminated"),
      ping: () => clock.at(clock.now() + latencyMs, () => handler.alive()),
      setReading: () => undefined,
      bufferedBytes: () => heldBytes,
    },
    { remote: "memory", subprotocol: info.subprotocol ?? "atp.v1+json", credentials: info.credentials ?? {} },
  );

  return {
    frames,
    get closed() {
      return closed;
    },
    send(frame) {
      const text = typeof frame === "string" ? frame : JSON.stringify(frame);
      travel(toRouter, () => {
        if (closed === undefined) handler.text(text);
      });
    },
    drop: () => end(1006, "dropped"),
    stall(on) {
      stalled = on;
      if (on) return;
      const waiting = held;
      held = [];
      heldBytes = 0;
      for (const text of waiting) receive(text);
      clock.at(clock.now(), () => handler.flushed(0));
    },
    end: (streamId) =>
      frames.find((f) => f.stream_id === streamId && (f.flags.includes("FIN") || f.flags.includes("RST"))),
    of: (streamId, type) => frames.filter((f) => f.stream_id === streamId && f.payload?.type === type),
  };
}
