import { constants } from "node:http2";
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Failure, Ms } from "../model/index.js";
import type { Clock } from "../ports/index.js";
import { decodeMessage, MessageReader, timeoutHeader } from "./grpc-framing.js";
import type { GrpcSession } from "./grpc-session.js";
import { httpEnd, resetEnd, status, statusEnd } from "./grpc-status.js";
import type { CallEnd } from "./grpc-status.js";

/** What is asked of an adapter. */
export interface CallRequest {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly metadata: OutgoingHttpHeaders;
  /** The framed message. */
  readonly body: Buffer;
  readonly deadlineAt: Ms;
}

/** Hears of a call, never before the method that started it returned. */
export interface CallListener {
  /** A message, whole. */
  message(bytes: Buffer): void;
  /** The one end, after all messages. A call that was cancelled here is not told. */
  end(end: CallEnd): void;
}

/** A call on its way. */
export interface GrpcCall {
  /** False while it is certain that the adapter did not see it. */
  readonly sent: boolean;
  /** Holds the adapter back, by the stream's flow control. Messages that came already may still be told. */
  pause(): void;
  resume(): void;
  /** Ends the call at once, and tells the adapter. */
  cancel(): void;
}

/** One call: it waits for a session, runs there as one HTTP/2 stream, and ends once. */
export class ChannelCall implements GrpcCall {
  private stream: ClientHttp2Stream | undefined;
  private session: GrpcSession | undefined;
  private over = false;
  private paused = false;
  /** The adapter's status: nothing follows it. */
  private told: CallEnd | undefined;
  private httpStatus = 200;
  private readonly stopDeadline: () => void;

  /** @param left called once, when the call ends in any way */
  constructor(
    private readonly request: CallRequest,
    private readonly listener: CallListener,
    private readonly clock: Clock,
    private readonly left: (call: ChannelCall, session: GrpcSession | undefined) => void,
  ) {
    this.stopDeadline = clock.at(request.deadlineAt, () =>
      this.fail({ kind: "timeout", message: "did not answer in time", sent: this.sent }),
    );
  }

  get sent(): boolean {
    return this.stream?.id !== undefined;
  }

  /** Sends the call. */
  run(session: GrpcSession): void {
    const { path, metadata, body, deadlineAt } = this.request;
    const timeout = timeoutHeader(deadlineAt - this.clock.now());
    const stream = session.request(path, timeout, metadata);
    this.session = session;
    this.stream = stream;
    const reader = new MessageReader((bytes) => {
      if (!this.over) this.listener.message(bytes);
    });
    stream.on("response", (headers: IncomingHttpHeaders & { ":status"?: number }) => this.head(headers));
    stream.on("trailers", (headers: IncomingHttpHeaders) => this.readStatus(headers));
    stream.on("data", (data: Buffer) => {
      if (this.over) return;
      const wrong = reader.push(data);
      if (wrong !== undefined) this.fail({ kind: "protocol", message: wrong, sent: true });
    });
    stream.on("end", () => {
      if (this.told?.code === status.OK && reader.cut)
        this.fail({ kind: "protocol", message: "the answer ends inside a message", sent: true });
      else if (this.told !== undefined) this.settle(this.told);
    });
    // Each is followed by `close`, which tells more.
    stream.on("error", () => undefined);
    stream.on("close", () => this.settle(this.told ?? this.lost(stream, session)));
    stream.end(body);
  }

  pause(): void {
    // What the status follows is here already. Read now, it does not get lost with the connection.
    if (this.told !== undefined || this.paused) return;
    this.paused = true;
    this.stream?.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.stream?.resume();
  }

  cancel(): void {
    if (this.leave()) this.stream?.close(constants.NGHTTP2_CANCEL);
  }

  /** Ends the call from this side. */
  fail(failure: Failure): void {
    if (!this.leave()) return;
    this.stream?.close(constants.NGHTTP2_CANCEL);
    this.listener.end({ failure });
  }

  private settle(end: CallEnd): void {
    if (!this.leave()) return;
    // An adapter that answered may not want the rest of the question.
    if (this.stream?.writableFinished === false) this.stream.close(constants.NGHTTP2_CANCEL);
    this.listener.end(end);
  }

  /** Whether this was the end. */
  private leave(): boolean {
    if (this.over) return false;
    this.over = true;
    this.stopDeadline();
    this.left(this, this.session);
    return true;
  }

  private head(headers: IncomingHttpHeaders & { ":status"?: number }): void {
    this.httpStatus = headers[":status"] ?? 200;
    // An answer of headers alone carries the status here.
    if (headers["grpc-status"] !== undefined) {
      this.readStatus(headers);
      return;
    }
    const type = headers["content-type"];
    if (type?.startsWith("application/grpc") === true || this.over) return;
    const { failure } = httpEnd(this.httpStatus, type);
    if (failure !== undefined) this.fail(failure);
  }

  private readStatus(headers: IncomingHttpHeaders): void {
    const { "grpc-status": code, "grpc-message": message } = headers;
    if (typeof code !== "string") return;
    const text = typeof message === "string" ? decodeMessage(message) : "";
    this.told = statusEnd(
      /^\d{1,3}$/.test(code) ? Number(code) : status.UNKNOWN,
      text,
      headers["grpc-retry-pushback-ms"],
    );
    this.resume();
  }

  /** The end of a stream that brought no status. */
  private lost(stream: ClientHttp2Stream, session: GrpcSession): CallEnd {
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || !session.saw(stream.id))
      return unavailable("refused the call", false);
    if (session.lost) return unavailable("the connection was lost", true);
    return this.httpStatus === 200 ? resetEnd(stream.rstCode) : httpEnd(this.httpStatus, undefined);
  }
}

function unavailable(message: string, sent: boolean): CallEnd {
  return { failure: { kind: "unavailable", message, sent } };
}
