import type { ClientSocket } from "../../src/index.js";

/** A server that says exactly what the test tells it, and nothing of its own. */
export class RawServer {
  readonly sockets: ClientSocket[] = [];
  readonly closes: number[] = [];
  /** Frames of the client. */
  readonly sent: {
    stream_id: string;
    flags: string[];
    payload?: { type: string; content: { resume?: unknown; token?: string } };
  }[] = [];
  /** Answers each HELLO at once. */
  greets = true;

  readonly connect = (): ClientSocket => {
    const socket: ClientSocket = {
      protocol: "atp.v1+json",
      bufferedAmount: 0,
      binaryType: "",
      onopen: null,
      onmessage: null,
      onerror: null,
      onclose: null,
      send: (data) => {
        const frame = JSON.parse(String(data)) as (typeof this.sent)[number];
        this.sent.push(frame);
        if (frame.payload?.type === "control.hello" && this.greets)
          queueMicrotask(() => {
            this.#welcome(frame.payload?.content.resume !== undefined);
          });
      },
      close: (code = 1005) => void this.closes.push(code),
    };
    this.sockets.push(socket);
    queueMicrotask(() => socket.onopen?.());
    return socket;
  };

  say(text: string | ArrayBuffer): void {
    this.sockets.at(-1)?.onmessage?.({ data: text });
  }

  frame(seq: number, flags: string[], payload?: object, streamId = "st1"): void {
    this.say(JSON.stringify({ v: 1, session_id: "s1", stream_id: streamId, msg_seq: seq, flags, payload }));
  }

  partial(seq: number, text: string): void {
    this.frame(seq, ["MORE"], { type: "agent.result.partial", content: { adapter: "a", chunk: seq - 2, text } });
  }

  final(seq: number, answer: string): void {
    this.frame(seq, ["FIN"], { type: "agent.result.final", content: { ok: true, answer } });
  }

  /** Closes the newest socket. */
  close(code: number): void {
    this.sockets.at(-1)?.onclose?.({ code, reason: "" });
  }

  #welcome(resumes: boolean): void {
    const limits = {
      heartbeat_ms: 15_000,
      max_idle_ms: 45_000,
      retention_ms: 120_000,
      retention_bytes: 1_048_576,
      max_frame_bytes: 262_144,
      max_message_bytes: 8_388_608,
      max_fragments: 1_024,
      max_reassemblies: 4,
      max_streams: 256,
      frames_per_s: 2_000,
      drain_ms: 10_000,
      protocol_errors_per_min: 16,
    };
    const content = {
      server: { name: "raw", version: "1" },
      levels: [1],
      capabilities: ["resume", "credit", "fragments"],
      epoch: "e1",
      resume_token: `t${this.sockets.length}`,
      limits,
      lease: { max_parallel: 1, max_tokens: 1, max_usd_micros: 1 },
      principal: { tenant: "default", sub: "x" },
    };
    this.frame(1, ["CTRL"], { type: "control.welcome", content }, "0");
    if (!resumes) return;
    const streams = [{ stream_id: "st1", state: "live", next_seq: this.next, ack: 1 }];
    this.frame(1, ["CTRL"], { type: "control.resumed", content: { streams } }, "0");
  }

  /** The number that a resume goes on with. */
  next = 2;
}
