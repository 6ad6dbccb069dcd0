import { AtpError, decodeFrame, defaultLimits } from "atp-protocol";
import type { ErrorContent, Frame, FinalContent, Telemetry } from "atp-protocol";
import type { Credentials } from "../ports/index.js";
import type { Router } from "../runtime/index.js";
import type { ChatQuestion } from "./request.js";

/** What happens on a run, in order; `final` or `failed` is the last. */
export type RunEvent =
  /** How many calls the plan may make: with one, its text is the answer's own. */
  | { readonly t: "planned"; readonly calls: number }
  | { readonly t: "text"; readonly adapter: string; readonly attempt: number; readonly text: string }
  | { readonly t: "final"; readonly content: FinalContent; readonly telemetry: Telemetry | undefined }
  | { readonly t: "failed"; readonly error: ErrorContent; readonly telemetry: Telemetry | undefined };

/** A run that goes on. */
export interface Run {
  /** Aborts its calls; they are settled at what they used. */
  cancel(reason: string): void;
  /** Stops or goes on: while stopped the router reads no further from adapters than its own bounds. */
  pause(on: boolean): void;
}

/** While a reader is slow the router is told that so much waits in the socket: more than its high mark (A8.2). */
const PAUSED_BYTES = 1_048_576;

/**
 * Runs one question as any client would: over a socket of the router, in frames. The socket is in this process; nothing is used that a
 * program outside could not use.
 */
export function run(
  router: Router,
  question: ChatQuestion,
  credentials: Credentials,
  tell: (event: RunEvent) => void,
): Run {
  const session = "openai";
  const stream = "st";
  let over = false;
  let buffered = 0;
  const handler = router.connect(
    {
      // What comes is looked at in a turn of its own, as from any socket.
      send: (data) => queueMicrotask(() => receive(typeof data === "string" ? data : "")),
      close: (_code, reason) => ended({ code: "EINTERNAL", message: `The router closed the connection: ${reason}.` }),
      terminate: () => ended({ code: "EINTERNAL", message: "The router ended the connection." }),
      ping: () => queueMicrotask(() => handler.alive()),
      setReading: () => undefined,
      bufferedBytes: () => buffered,
    },
    { remote: "openai", subprotocol: "atp.v1+json", credentials },
  );

  function send(frame: Partial<Frame> & { readonly stream_id: string }): void {
    handler.text(JSON.stringify({ v: 1, session_id: session, msg_seq: 1, ...frame }));
  }

  function ended(error: Pick<ErrorContent, "code" | "message">): void {
    if (over) return;
    over = true;
    tell({
      t: "failed",
      error: new AtpError(error.code, error.message, { processed: "maybe" }).toContent(),
      telemetry: undefined,
    });
  }

  function receive(data: string): void {
    if (over) return;
    const decoded = decodeFrame(data, defaultLimits);
    if (!decoded.ok) return;
    const { frame } = decoded;
    if (frame.flags.includes("HB")) {
      send({ stream_id: "0", flags: ["HB"] });
      return;
    }
    const content = frame.payload?.content as Readonly<Record<string, unknown>> | undefined;
    switch (frame.payload?.type) {
      case "control.plan":
        tell({ t: "planned", calls: ((content?.["rungs"] as readonly unknown[][] | undefined) ?? []).flat().length });
        return;
      case "agent.result.partial":
        if (typeof content?.["text"] === "string")
          tell({
            t: "text",
            adapter: String(content["adapter"]),
            attempt: Number(content["attempt"] ?? 0),
            text: content["text"],
          });
        return;
      case "agent.result.final":
        finish({ t: "final", content: frame.payload.content as FinalContent, telemetry: frame.telemetry });
        return;
      case "error":
        // An error that ends no stream is about the session: without it nothing goes on.
        if (frame.flags.includes("RST") || frame.stream_id === "0")
          finish({ t: "failed", error: frame.payload.content as ErrorContent, telemetry: frame.telemetry });
        return;
      default:
        return;
    }
  }

  function finish(event: RunEvent): void {
    over = true;
    handler.closed(1000, "the answer is complete");
    tell(event);
  }

  const { qos, window, meta, content } = question;
  const hello = { client: { name: "openai-door", version: "1" }, capabilities: [] };
  send({ stream_id: "0", flags: ["CTRL"], payload: { type: "control.hello", content: hello } });
  send({
    stream_id: stream,
    flags: ["SYN"],
    ...(qos === undefined ? {} : { qos }),
    ...(window === undefined ? {} : { window }),
    meta,
    payload: { type: "agent.request", content },
  });
  return {
    cancel(reason) {
      if (over) return;
      over = true;
      send({
        stream_id: stream,
        flags: ["CTRL"],
        msg_seq: 2,
        payload: { type: "control.cancel", content: { reason } },
      });
      handler.closed(1000, reason);
    },
    pause(on) {
      if (over) return;
      buffered = on ? PAUSED_BYTES : 0;
      handler.flushed(buffered);
    },
  };
}
