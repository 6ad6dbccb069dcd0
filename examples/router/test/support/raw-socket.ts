import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import type { Socket } from "node:net";

/** A frame as it came, not checked by any code of ours. */
export interface RawFrame {
  readonly session_id: string;
  readonly stream_id: string;
  readonly msg_seq: number;
  readonly flags: readonly string[];
  readonly payload?: { readonly type: string; readonly content: Record<string, unknown> };
  readonly telemetry?: Record<string, unknown>;
}

/** A WebSocket client by RFC 6455 with nothing but a TCP stream: what a client in another language is to the router. */
export class RawSocket {
  readonly frames: RawFrame[] = [];
  /** The close code, once it came. */
  closeCode: number | undefined;
  readonly #socket: Socket;
  #rest = Buffer.alloc(0);
  #waiting: { when: () => boolean; resolve: () => void; reject: (error: Error) => void }[] = [];

  private constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    socket.on("data", (data: Buffer) => this.#read(data));
    socket.on("close", () => {
      for (const { reject } of this.#waiting)
        reject(new Error(`the socket closed with ${this.closeCode ?? "no code"}`));
    });
    socket.on("error", () => socket.destroy());
    if (head.length > 0) this.#read(head);
  }

  /** @param headers such as `Origin` or `Sec-WebSocket-Protocol` */
  static open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<RawSocket> {
    const key = randomBytes(16).toString("base64");
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    return new Promise((resolve, reject) => {
      const upgrade = request(`${url}/ws`, {
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": key,
          ...headers,
        },
      });
      upgrade.on("upgrade", (response, socket, head) => {
        if (response.headers["sec-websocket-accept"] === accept) resolve(new RawSocket(socket, head));
        else reject(new Error("the handshake's key is wrong"));
      });
      upgrade.on("response", (response) => reject(new Error(`no upgrade: ${String(response.statusCode)}`)));
      upgrade.on("error", reject);
      upgrade.end();
    });
  }

  /** Sends one text message, byte for byte. */
  send(text: string): void {
    const payload = Buffer.from(text, "utf8");
    const mask = randomBytes(4);
    const length = Buffer.alloc(payload.length < 126 ? 2 : 4);
    length[0] = 0x81;
    length[1] = 0x80 | Math.min(payload.length, 126);
    if (payload.length >= 126) length.writeUInt16BE(payload.length, 2);
    this.#socket.write(
      Buffer.concat([length, mask, Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] as number)))]),
    );
  }

  /** Resolves as soon as `when` holds; rejects when the socket ends before. */
  until(when: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ when, resolve, reject });
      this.#wake();
    });
  }

  /** The frame that ends a stream. */
  async end(stream: string): Promise<RawFrame> {
    const ended = (frame: RawFrame): boolean =>
      frame.stream_id === stream && frame.flags.some((flag) => flag === "FIN" || flag === "RST");
    await this.until(() => this.frames.some(ended));
    return this.frames.find(ended) as RawFrame;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (;;) {
      const short = (this.#rest[1] ?? 0) & 0x7f;
      const header = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.#rest.length < header) break;
      const length =
        short === 127 ? Number(this.#rest.readBigUInt64BE(2)) : short === 126 ? this.#rest.readUInt16BE(2) : short;
      if (this.#rest.length < header + length) break;
      const opcode = (this.#rest[0] ?? 0) & 0x0f;
      const payload = this.#rest.subarray(header, header + length);
      this.#rest = this.#rest.subarray(header + length);
      if (opcode === 1) this.frames.push(JSON.parse(payload.toString("utf8")) as RawFrame);
      else if (opcode === 8) {
        this.closeCode = payload.readUInt16BE(0);
        // An empty close in answer; its mask covers nothing.
        this.#socket.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
      }
    }
    this.#wake();
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ when, resolve }) => {
      if (!when()) return true;
      resolve();
      return false;
    });
  }
}
