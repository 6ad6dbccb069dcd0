import WebSocket from "ws";
import { chunkText, promptFor, type Shape } from "./answer.js";

/** The parts of a router's frame that the load looks at. */
interface Received {
  readonly stream_id?: string;
  readonly msg_seq?: number;
  readonly flags?: readonly string[];
  readonly payload?: {
    readonly type?: string;
    readonly content?: { readonly text?: string; readonly answer?: string; readonly ok?: boolean };
  };
  readonly telemetry?: { readonly tokens?: number; readonly usd?: number };
}

interface Question {
  readonly id: string;
  readonly shape: Shape;
  readonly firstPiece: () => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  nextSeq: number;
  partials: number;
  accepted: boolean;
}

/**
 * A socket that asks one question at a time and checks the whole answer: every number, every text, the final and its bill.
 * It sends no HELLO, as a minimal client does.
 */
export class Asker {
  private question: Question | undefined;
  private failed: Error | undefined;

  private constructor(
    private readonly socket: WebSocket,
    private readonly session: string,
  ) {
    socket.on("message", (data: Buffer) => this.receive(data.toString()));
    socket.on("close", (code, reason) => this.fail(new Error(`socket closed with ${code} ${reason.toString()}`)));
    socket.on("error", (error) => this.fail(error));
  }

  /** Opens a socket. `session` is its label on the wire. */
  static open(port: number, session: string): Promise<Asker> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: false });
      socket.once("error", reject);
      socket.once("open", () => {
        socket.off("error", reject);
        resolve(new Asker(socket, session));
      });
    });
  }

  /**
   * Asks under a stream id that was not used on this socket.
   * @throws Error when anything of the answer is not as it must be
   */
  ask(id: string, shape: Shape, firstPiece: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failed !== undefined) {
        reject(this.failed);
        return;
      }
      this.question = { id, shape, firstPiece, resolve, reject, nextSeq: 2, partials: 0, accepted: false };
      this.socket.send(
        JSON.stringify({
          v: 1,
          session_id: this.session,
          stream_id: id,
          msg_seq: 1,
          frag_seq: 0,
          flags: ["SYN"],
          qos: "silver",
          ttl: 8,
          window: { max_parallel: 4, max_tokens: 20_000, max_usd_micros: 500_000 },
          meta: { task_type: "bench", tool_permissions: ["fs.read"] },
          payload: { type: "agent.request", content: { prompt: promptFor(shape) } },
        }),
      );
    });
  }

  private receive(text: string): void {
    const frame = JSON.parse(text) as Received;
    const question = this.question;
    if (question === undefined || frame.stream_id !== question.id) {
      // Control frames of the connection may come at any time; an error there is about us.
      if (frame.payload?.type === "error") this.fail(new Error(`error on stream ${frame.stream_id}: ${text}`));
      return;
    }
    const wrong = this.check(question, frame);
    if (wrong !== undefined) {
      this.fail(new Error(`${question.id}: ${wrong}: ${text.slice(0, 600)}`));
      return;
    }
    if (frame.flags?.includes("FIN") === true) {
      this.question = undefined;
      question.resolve();
    }
  }

  /** What is wrong with a frame of this question's answer, if anything. */
  private check(question: Question, frame: Received): string | undefined {
    const flags = frame.flags ?? [];
    const content = frame.payload?.content;
    const { chunks } = question.shape;
    if (frame.payload?.type === "error") return "the router answered with an error";
    if (flags.includes("RST")) return "the stream was reset";
    if (flags.includes("SYN") && flags.includes("ACK")) {
      question.accepted = true;
      return undefined;
    }
    if (flags.includes("CTRL") || flags.includes("ACK") || flags.includes("HB")) return undefined;
    if (!question.accepted) return "a message came before SYN,ACK";
    if (frame.msg_seq !== question.nextSeq) return `msg_seq is ${frame.msg_seq}, not ${question.nextSeq}`;
    question.nextSeq++;
    if (frame.payload?.type === "agent.result.partial") {
      question.partials++;
      question.firstPiece();
      return content?.text === chunkText ? undefined : "a partial has another text";
    }
    if (!flags.includes("FIN")) return undefined;
    if (frame.payload?.type !== "agent.result.final" || content?.ok !== true) return "the end is no final";
    if (question.partials !== chunks) return `${question.partials} partials, not ${chunks}`;
    if (content.answer?.length !== chunkText.length * chunks) return "the final's answer has another length";
    if (!((frame.telemetry?.tokens ?? 0) > 0 && (frame.telemetry?.usd ?? 0) > 0)) return "the final has no bill";
    return undefined;
  }

  private fail(error: Error): void {
    this.failed ??= error;
    const question = this.question;
    this.question = undefined;
    question?.reject(error);
  }
}
