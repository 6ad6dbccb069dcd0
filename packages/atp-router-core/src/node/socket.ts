import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { SocketHandler, SocketPort } from "../runtime/index.js";
import { textFrames } from "./text-frames.js";

/** How often the unsent rest is looked at while it drains. */
const DRAIN_LOOK_MS = 50;
/** A turn that says more than this leaves in several writes, so that its buffers stay small. */
const BATCH_CHARACTERS = 65_536;

/**
 * A `ws` socket as the router needs it: everything sent in one turn of the event loop leaves in one write, because a write per
 * frame is a quarter of a router's CPU. Text is framed here, without compression and straight to the network socket; all
 * else, the close handshake included, is the library's.
 */
export function socketPort(ws: WebSocket, handler: () => SocketHandler): SocketPort {
  const net = (ws as unknown as { _socket: Socket })._socket;
  net.setNoDelay(true);
  let texts: string[] = [];
  let characters = 0;
  let scheduled = false;
  let looking: NodeJS.Timeout | undefined;

  function flush(): void {
    if (texts.length === 0) return;
    const batch = texts;
    texts = [];
    characters = 0;
    if (ws.readyState === ws.OPEN) net.write(textFrames(batch));
  }

  function endOfTurn(): void {
    scheduled = false;
    flush();
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
      if (!scheduled) {
        scheduled = true;
        setImmediate(endOfTurn);
      }
      if (typeof data === "string") {
        texts.push(data);
        characters += data.length;
        if (characters >= BATCH_CHARACTERS) flush();
      } else {
        flush();
        ws.send(data);
      }
    },
    close(code, reason) {
      flush();
      ws.close(code, reason);
    },
    terminate: () => ws.terminate(),
    ping() {
      if (ws.readyState !== ws.OPEN) return;
      flush();
      ws.ping();
    },
    setReading(on) {
      if (on) ws.resume();
      else ws.pause();
    },
    bufferedBytes: () => ws.bufferedAmount + characters,
  };
}
