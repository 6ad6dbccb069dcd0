import type { Encoded } from "atp-protocol";
import type { ClientSocket } from "./ports.js";
import { sizeOf } from "./session-host.js";

/** Who listens to a line. */
export interface LineHost {
  opened(line: Line): void;
  received(line: Line, data: string | ArrayBuffer, bytes: number): void;
  /** The end, once, unless this side closed it. */
  ended(line: Line, code: number, reason: string): void;
}

/** One socket, from its dial to its end. After this side's own close its later events mean nothing (A9.1). */
export class Line {
  readonly #socket: ClientSocket;
  #opened = false;
  #over = false;
  #failure = "";

  constructor(socket: ClientSocket, host: LineHost) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#opened = true;
      host.opened(this);
    };
    // `ws` knows the bytes of a text, and so need neither be counted nor an event be made.
    if (socket.on === undefined)
      socket.onmessage = ({ data }) => {
        host.received(this, data as string | ArrayBuffer, sizeOf(data as string | ArrayBuffer));
      };
    else
      socket.on("message", (data, isBinary) => {
        if (!this.#over)
          host.received(this, isBinary ? (data as ArrayBuffer) : (data as Uint8Array).toString(), data.byteLength);
      });
    socket.onerror = ({ message }) => {
      this.#failure = message ?? "";
    };
    socket.onclose = ({ code, reason }) => {
      if (this.#over) return;
      this.#forget();
      host.ended(this, code, reason === "" ? this.#failure : reason);
    };
  }

  /** It was open once. */
  get opened(): boolean {
    return this.#opened;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Bytes that have not left yet. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(data: Encoded): void {
    if (!this.#over) this.#socket.send(data);
  }

  /** Closes and does not wait for the peer. */
  close(code: number, reason: string): void {
    if (this.#over) return;
    this.#forget();
    const socket = this.#socket;
    if (code === 1006 && socket.terminate !== undefined) {
      socket.terminate();
      return;
    }
    // Browsers take only these codes, and a reason of 123 bytes.
    const allowed = code === 1000 || (code >= 3000 && code <= 4999) ? code : 1000;
    socket.close(allowed, reason.length <= 40 ? reason : reason.slice(0, 40));
  }

  #forget(): void {
    this.#over = true;
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // A socket that is destroyed while it connects still reports an error; nobody needs it, but it must be heard.
    socket.onerror = () => undefined;
  }
}
