import { Failure, Skip } from "./result.js";
import type { ConnectOptions } from "./trace-data.js";
import type { Answer, Output, Request, Testee } from "./testee/protocol.js";

/** How a trace reaches the side that it proves, by the number of a socket. */
export interface Line {
  /** A new socket. */
  connect(socket: number, options: ConnectOptions): Promise<void>;
  send(socket: number, text: string): Promise<void>;
  /** One WebSocket frame with any bytes. */
  bytes(socket: number, opcode: number, bytes: Buffer): Promise<void>;
  drop(socket: number, code: number): Promise<void>;
  /** A clock and a program to command exist only in virtual time. */
  advance(ms: number): Promise<void>;
  command(request: Request): Promise<void>;
  /** The next thing that leaves the side, or null when nothing will come by itself. */
  next(socket: number): Promise<Output | null>;
  /** Resolves with what is left to come before the side is at rest. News of its program come with those of socket 1. */
  rest(socket: number): Promise<readonly Output[]>;
  /** Puts an output back in front. */
  unread(socket: number, output: Output): void;
  close(): Promise<void>;
}

/** A line to a testee: each request is answered with all that it caused, so nothing has to be waited for. */
export async function testeeLine(testee: Testee, start: Request): Promise<Line> {
  const queues = new Map<number, Output[]>();
  const queueOf = (socket: number): Output[] => {
    const queue = queues.get(socket) ?? [];
    queues.set(socket, queue);
    return queue;
  };
  const ask = async (request: Request): Promise<void> => {
    const answer: Answer = await testee.ask(request);
    if (answer.error !== undefined) throw new Failure(`the testee failed at ${request.op}: ${answer.error}`);
    for (const output of answer.out ?? []) queueOf("told" in output ? 1 : (output.socket ?? 1)).push(output);
  };
  await ask(start);
  return {
    connect: (socket) => ask({ op: "connect", ...on(socket) }),
    send: (socket, text) => ask({ op: "frame", text, ...on(socket) }),
    bytes: async () => {
      throw new Skip("a testee has no WebSocket");
    },
    async drop(socket, code) {
      // What was on its way is lost with the socket.
      const queue = queueOf(socket);
      const kept = queue.filter((output) => "told" in output);
      queue.splice(0, queue.length, ...kept);
      await ask({ op: "drop", code, ...on(socket) });
    },
    advance: (ms) => ask({ op: "advance", ms }),
    command: ask,
    next: async (socket) => queueOf(socket).shift() ?? null,
    rest: async (socket) => queueOf(socket).splice(0),
    unread: (socket, output) => void queueOf(socket).unshift(output),
    close: async () => undefined,
  };
}

/** A testee that knows one socket is not asked about its number. */
function on(socket: number): { readonly socket?: number } {
  return socket === 1 ? {} : { socket };
}
