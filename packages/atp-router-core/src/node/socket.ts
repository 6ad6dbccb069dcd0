import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { SocketHandler, SocketPort } from "../runtime/index.js";

/** How often the unsent rest is looked at while it drains. */
const DRAIN_LOOK_MS = 50;

/**
 * A `ws` socket as the router needs it: everything sent in one turn of the event loop leaves in one write, because a write per
 * frame is a quarter of a router's CPU.
 */
export function socketPort(ws: WebSocket, handler: () => SocketHandler): SocketPort {
  const net = (ws as unknown as { _socket: Socket })._socket;
  net.setNoDelay(true);
  let corked = false;
  let looking: NodeJS.Timeout | undefined;

  function uncork(): void {
    corked = false;
    net.uncork();
    report();
  }

  function report(): void {
    const waiting = ws.bufferedAmount;
    handler().flushed(waiting);
    if (waiting === 0 || looking !== undefined || ws.readyState !== ws.OPEN) return;
    net.once("drain", look);
    looking = setTimeout(look, DRAIN_LOOK_MS);
    looking.unref();
  }

  function look(): void {
    net.removeListener("drain", look);
    clearTimeout(looking);
    looking = undefined;
    report();
  }

  return {
    send(data) {
      if (ws.readyState !== ws.OPEN) return;
      if (!corked) {
        corked = true;
        net.cork();
        setImmediate(uncork);
      }
      ws.send(data);
    },
    close: (code, reason) => ws.close(code, reason),
    terminate: () => ws.terminate(),
    ping: () => {
      if (ws.readyState === ws.OPEN) ws.ping();
    },
    setReading(on) {
      if (on) ws.resume();
      else ws.pause();
    },
    bufferedBytes: () => ws.bufferedAmount,
  };
}
