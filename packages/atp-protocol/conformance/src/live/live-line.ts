import type { Line } from "../line.js";
import { Failure, Skip } from "../result.js";
import type { Output } from "../testee/protocol.js";
import type { ConnectOptions } from "../trace-data.js";
import { signedText } from "./signing.js";
import { openWebSocket, type RawWebSocket } from "./web-socket.js";

/** How long a live router has for what must come, in milliseconds. */
const WAIT_MS = 8_000;

/** One socket to a running router. */
class LiveSocket {
  readonly #queue: Output[] = [];
  #socket: RawWebSocket | null = null;
  #wake: (() => void) | null = null;
  #probes = 0;
  #session = "s1";
  #open = false;

  constructor(
    readonly url: string,
    readonly token: string | undefined,
    /** Signs every frame that must be (A10). */
    readonly key?: Uint8Array,
  ) {}

  async connect(options: ConnectOptions): Promise<void> {
    this.#socket = await openWebSocket(
      this.url,
      { subprotocols: ["atp.v1+json"], ...options, token: options.origin === undefined ? this.token : undefined },
      {
        message: (data) => this.#push({ frame: data.toString() }),
        closed: (code) => this.#push({ close: code }),
      },
    );
    this.#open = true;
    const chosen = this.#socket.subprotocol ?? null;
    if (options.subprotocol !== undefined && chosen !== options.subprotocol)
      throw new Failure(`the subprotocol is ${chosen ?? "none"}, not ${options.subprotocol ?? "none"}`, "A1.2-3");
  }

  #push(output: Output): void {
    this.#queue.push(output);
    this.#wake?.();
  }

  send(text: string): void {
    const named = /"session_id":"([A-Za-z0-9._:-]+)"/.exec(text)?.[1];
    if (named !== undefined && !text.includes('"SYN"')) this.#session = named;
    this.#say(text);
  }

  #say(text: string): void {
    this.#socket?.send(this.key === undefined ? text : signedText(text, this.key));
  }

  bytes(opcode: number, bytes: Buffer): void {
    this.#socket?.sendBytes(opcode, bytes);
  }

  drop(code: number): void {
    if (code === 1006) this.#socket?.destroy();
    else this.#socket?.close(code);
    this.#queue.length = 0;
    this.#open = false;
  }

  async next(): Promise<Output | null> {
    if (this.#queue.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, WAIT_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
    const output = this.#queue.shift() ?? null;
    if (output !== null && !("told" in output) && "close" in output) this.#open = false;
    return output;
  }

  /**
   * What came until the router answers a question that it must refuse at once: a SYN with `ttl` 0, after which nothing of
   * before is still to come. Streams that run may go on speaking; the trace lets them.
   */
  async rest(): Promise<readonly Output[]> {
    if (!this.#open || this.#queue.some((output) => "close" in output)) return this.#queue.splice(0);
    const stream = `conformance-probe-${++this.#probes}`;
    this.#say(
      JSON.stringify({
        ...{ v: 1, session_id: this.#session, stream_id: stream, msg_seq: 1, flags: ["SYN"], ttl: 0 },
        payload: { type: "agent.request", content: { prompt: "is anything left?" } },
      }),
    );
    const came: Output[] = [];
    for (;;) {
      const output = await this.next();
      if (output === null) throw new Failure("a SYN with ttl 0 got no answer", "A3-7");
      if ("frame" in output && String(output["frame"]).includes(`"${stream}"`)) return came;
      came.push(output);
      if (!("told" in output) && "close" in output) return came;
    }
  }

  unread(output: Output): void {
    this.#queue.unshift(output);
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** A line to a running router. Nothing is waited for by time but what must come and does not. */
export class LiveLine implements Line {
  readonly #sockets = new Map<number, LiveSocket>();

  constructor(
    readonly url: string,
    readonly token: string | undefined,
    /** Signs every frame that must be (A10). */
    readonly key?: Uint8Array,
  ) {}

  #socket(number: number): LiveSocket {
    const socket = this.#sockets.get(number);
    if (socket === undefined) throw new Error(`socket ${number} is not connected`);
    return socket;
  }

  async connect(number: number, options: ConnectOptions): Promise<void> {
    this.#sockets.get(number)?.close();
    const socket = new LiveSocket(this.url, this.token, this.key);
    this.#sockets.set(number, socket);
    await socket.connect(options);
  }

  async send(number: number, text: string): Promise<void> {
    this.#socket(number).send(text);
  }

  async bytes(number: number, opcode: number, bytes: Buffer): Promise<void> {
    this.#socket(number).bytes(opcode, bytes);
  }

  async drop(number: number, code: number): Promise<void> {
    this.#socket(number).drop(code);
  }

  async advance(): Promise<void> {
    throw new Skip("a live router has a clock of its own");
  }

  async command(): Promise<void> {
    throw new Skip("a live router's program takes no commands");
  }

  next(number: number): Promise<Output | null> {
    return this.#socket(number).next();
  }

  rest(number: number): Promise<readonly Output[]> {
    return this.#socket(number).rest();
  }

  unread(number: number, output: Output): void {
    this.#socket(number).unread(output);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.close();
  }
}
