import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import type { StreamChunk } from "atp-protocol/adapter";
import type { Failure } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";
import type { LegHandle, LegSink } from "../ports/index.js";
import { PieceReader } from "./grpc-messages.js";
import { statusFailure } from "./grpc-status.js";

/**
 * A running call over gRPC. Nothing is delivered beyond demand: without demand the HTTP/2 stream is paused, so that flow control
 * reaches the model; its end is told after everything that waits.
 */
export function followCall(call: ClientReadableStream<StreamChunk>, sink: LegSink): LegHandle {
  const reader = new PieceReader();
  const waiting: StreamChunk[] = [];
  let demanded = 0;
  let flowing = false;
  let over = false;
  let cancelled: string | undefined;
  let failure: Failure | undefined;

  function end(result: Parameters<LegSink["end"]>[0]): void {
    if (over) return;
    over = true;
    waiting.length = 0;
    sink.end(result);
  }

  function deliver(message: StreamChunk): void {
    if (over) return;
    let piece: ReturnType<PieceReader["read"]>;
    try {
      piece = reader.read(message);
    } catch (error) {
      call.cancel();
      end({
        failure:
          error instanceof AdapterFailure ? error.failure : { kind: "protocol", message: String(error), sent: true },
      });
      return;
    }
    if ("final" in piece) {
      end(piece);
    } else {
      demanded--;
      sink.chunk(piece.chunk);
    }
  }

  function flow(): void {
    const wanted = demanded > 0 && waiting.length === 0 && !over;
    if (wanted === flowing) return;
    flowing = wanted;
    if (wanted) call.resume();
    else call.pause();
  }

  function drain(): void {
    let next = waiting[0];
    while (next !== undefined && !over && (demanded > 0 || next.type === "agent.result.final")) {
      waiting.shift();
      deliver(next);
      next = waiting[0];
    }
    if (waiting.length === 0 && failure !== undefined) end({ failure });
    flow();
  }

  call.on("data", (message: StreamChunk) => {
    if (waiting.length === 0 && demanded > 0) deliver(message);
    else waiting.push(message);
    if (waiting.length > 0) drain();
    else flow();
  });
  call.on("error", (error: ServiceError) => {
    failure =
      cancelled === undefined ? statusFailure(error, false) : { kind: "cancelled", message: cancelled, sent: true };
    drain();
  });
  call.on("end", () => {
    // The status comes on its own: a stream that failed ends here too, and says why in `error`.
    call.once("status", ({ code }) => {
      if (code !== 0) return;
      failure ??= { kind: "protocol", message: "the stream ended without a final", sent: true };
      drain();
    });
  });
  call.pause();

  return {
    demand(n) {
      demanded += n;
      drain();
    },
    cancel(reason) {
      if (over) return;
      cancelled = reason;
      call.cancel();
      end({ failure: { kind: "cancelled", message: reason, sent: true } });
    },
  };
}
