import { frameOf, helloFrame, type Seen } from "../../../conformance/src/frames.js";
import { openWebSocket, type RawWebSocket } from "../../../conformance/src/live/web-socket.js";
import type { Bag } from "../../../conformance/src/vector-data.js";

/** A client that keeps what it saw, and waits for what comes next. */
export class RawClient {
  readonly texts: string[] = [];
  closedWith: number | null = null;
  #socket: RawWebSocket | null = null;
  #wake: () => void = () => undefined;

  static async open(url: string): Promise<RawClient> {
    const client = new RawClient();
    const wake = (): void => client.#wake();
    client.#socket = await openWebSocket(
      url,
      { subprotocols: ["atp.v1+json"] },
      {
        message(data) {
          client.texts.push(data.toString());
          wake();
        },
        closed(code) {
          client.closedWith = code;
          wake();
        },
      },
    );
    return client;
  }

  get frames(): readonly Seen[] {
    return this.texts.map((text) => JSON.parse(text) as Seen);
  }

  send(frame: Bag): void {
    this.#socket?.send(JSON.stringify(frameOf(frame)));
  }

  hello(capabilities: readonly string[], resume?: Bag): void {
    const hello = helloFrame(capabilities, undefined) as { payload: { type: string; content: Bag } };
    const content = resume === undefined ? hello.payload.content : { ...hello.payload.content, resume };
    this.send({ ...hello, payload: { type: "control.hello", content } });
  }

  /** Resolves when it holds; the test's own time limit ends what never comes. */
  async until(holds: (client: RawClient) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async end(): Promise<Seen> {
    const isEnd = ({ flags }: Seen): boolean => flags.includes("FIN") || flags.includes("RST");
    await this.until((client) => client.closedWith !== null || client.frames.some(isEnd));
    const end = this.frames.find(isEnd);
    if (end === undefined) throw new Error(`closed with ${this.closedWith} before the end`);
    return end;
  }

  /** A question that is refused at once: after its answer, nothing of before is still to come. */
  async probe(): Promise<void> {
    this.send({ like: "syn", stream_id: "probe", ttl: 0 });
    await this.until((client) => client.closedWith !== null || client.texts.some((text) => text.includes('"probe"')));
  }

  destroy(): void {
    this.#socket?.destroy();
  }
}
