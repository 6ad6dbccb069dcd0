/** Both ends of a test over a real socket: a client that keeps what it saw, and streams that run beside what the test does. */
import type { Frame } from "atp-protocol";
import type { WebSocket } from "ws";
import type { AdapterPort, Clock, LegSink } from "../../../src/ports/index.js";
import { systemClock } from "../../../src/runtime/index.js";
import { scriptedAdapter } from "../../../src/testing/index.js";

/** An adapter of streams that have begun, and end when the test says so. */
export class Bystander {
  readonly #sinks: LegSink[] = [];
  readonly port: AdapterPort;

  constructor(clock: Clock = systemClock()) {
    const script = scriptedAdapter(clock, { id: "bystander", answer: [{ text: "I " }, { stall: true }] });
    this.port = {
      ...script,
      open: (call, sink) => {
        this.#sinks.push(sink);
        return script.open(call, sink);
      },
    };
  }

  finish(): void {
    for (const sink of this.#sinks)
      sink.end({ final: { evidence: [], usage: { inTokens: 1, outTokens: 1, usdMicros: 1 } } });
  }
}

/** A client that keeps what it saw. */
export class Peer {
  readonly frames: Frame[] = [];
  closedWith: number | undefined;
  #look: () => void = () => undefined;

  constructor(readonly socket: WebSocket) {
    socket.on("message", (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString()) as Frame);
      this.#look();
    });
    socket.on("close", (code: number) => {
      this.closedWith = code;
      this.#look();
    });
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Resolves with the code of the close. */
  async closed(): Promise<number> {
    while (this.closedWith === undefined) await new Promise<void>((resolve) => (this.#look = resolve));
    return this.closedWith;
  }

  /** Resolves with the first frame of this kind; the test's own time limit ends what never comes. */
  async until(is: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(is);
      if (found !== undefined) return found;
      if (this.closedWith !== undefined)
        throw new Error(`closed with ${this.closedWith}: ${JSON.stringify(this.frames)}`);
      await new Promise<void>((resolve) => (this.#look = resolve));
    }
  }
}

/** A control frame of the session `s1`. */
export const control = (type: string, content: unknown, stream = "0", seq = 1): Frame => ({
  v: 1,
  session_id: "s1",
  stream_id: stream,
  msg_seq: seq,
  flags: ["CTRL"],
  payload: { type, content },
});
