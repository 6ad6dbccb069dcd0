import { Failure, Skip } from "./result.js";
import type { ConnectOptions } from "./trace-data.js";
import type { Answer, Output, Request, Testee } from "./testee/protocol.js";

/** How a trace reaches the side that it proves. */
export interface Line {
  /** A new socket. */
  connect(options: ConnectOptions): Promise<void>;
  send(text: string): Promise<void>;
  /** One WebSocket frame with any bytes. */
  bytes(opcode: number, bytes: Buffer): Promise<void>;
  drop(code: number): Promise<void>;
  /** A clock and a program to command exist only in virtual time. */
  advance(ms: number): Promise<void>;
  command(request: Request): Promise<void>;
  /** The next thing that leaves the side, or null when nothing will come by itself. */
  next(): Promise<Output | null>;
  /** Resolves with what is left to come before the side is at rest. */
  rest(): Promise<readonly Output[]>;
  /** Puts an output back in front. */
  unread(output: Output): void;
  close(): Promise<void>;
}

/** A line to a testee: each request is answered with all that it caused, so nothing has to be waited for. */
export async function testeeLine(testee: Testee, start: Request): Promise<Line> {
  const queue: Output[] = [];
  const ask = async (request: Request): Promise<void> => {
    const answer: Answer = await testee.ask(request);
    if (answer.error !== undefined) throw new Failure(`the testee failed at ${request.op}: ${answer.error}`);
    queue.push(...(answer.out ?? []));
  };
  await ask(start);
  return {
    connect: () => ask({ op: "connect" }),
    send: (text) => ask({ op: "frame", text }),
    bytes: async () => {
      throw new Skip("a testee has no WebSocket");
    },
    async drop(code) {
      // What was on its way is lost with the socket.
      const kept = queue.filter((output) => "told" in output);
      queue.splice(0, queue.length, ...kept);
      await ask({ op: "drop", code });
    },
    advance: (ms) => ask({ op: "advance", ms }),
    command: ask,
    next: async () => queue.shift() ?? null,
    rest: async () => queue.splice(0),
    unread: (output) => void queue.unshift(output),
    close: async () => undefined,
  };
}
