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
  return new PortOfWs(ws, handler);
}

/** A class, because an idle router holds ten thousand of them: functions made for each are most of what a session costs. */
class PortOfWs implements SocketPort {
  readonly #ws: WebSocket;
  readonly #net: Socket;
  readonly #handler: () => SocketHandler;
  #texts: string[] = NOTHING;
  #characters = 0;
  #scheduled = false;
  /** Set while the unsent rest is looked at. */
  #look: (() => void) | undefined;
  #looking: NodeJS.Timeout | undefined;

  constructor(ws: WebSocket, handler: () => SocketHandler) {
    this.#ws = ws;
    this.#net = (ws as unknown as { _socket: Socket })._socket;
    this.#handler = handler;
    this.#net.setNoDelay(true);
  }

  send(data: string | Uint8Array): void {
    const ws = this.#ws;
    if (ws.readyState !== ws.OPEN) return;
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(endOfTurn, this);
    }
    if (typeof data === "string") {
      if (this.#texts === NOTHING) this.#texts = [data];
      else this.#texts.push(data);
      this.#characters += data.length;
      if (this.#characters >= BATCH_CHARACTERS) this.#flush();
    } else {
      this.#flush();
      ws.send(data);
    }
  }

  close(code: number, reason: string): void {
    this.#flush();
    this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  ping(): void {
    const ws = this.#ws;
    if (ws.readyState !== ws.OPEN) return;
    this.#flush();
    ws.ping();
  }

  setReading(on: boolean): void {
    if (on) this.#ws.resume();
    else this.#ws.pause();
  }

  bufferedBytes(): number {
    return this.#ws.bufferedAmount + this.#characters;
  }

  endOfTurn(): void {
    this.#scheduled = false;
    this.#flush();
    this.#report();
  }

  #flush(): void {
    const texts = this.#texts;
    if (texts.length === 0) return;
    this.#texts = NOTHING;
    this.#characters = 0;
    const ws = this.#ws;
    if (ws.readyState === ws.OPEN) this.#net.write(textFrames(texts));
  }

  #report(): void {
    const ws = this.#ws;
    const waiting = ws.bufferedAmount;
    this.#handler().flushed(waiting);
    if (waiting === 0 || this.#looking !== undefined || ws.readyState !== ws.OPEN) return;
    const look = (this.#look ??= () => {
      this.#net.removeListener("drain", look);
      clearTimeout(this.#looking);
      this.#looking = undefined;
      this.#report();
    });
    this.#net.once("drain", look);
    this.#looking = setTimeout(look, DRAIN_LOOK_MS);
    this.#looking.unref();
  }
}

/** What a socket holds that has nothing to send. */
const NOTHING: string[] = [];

function endOfTurn(port: PortOfWs): void {
  port.endOfTurn();
}
