import type { Failure } from "../model/index.js";
import { AdapterFailure } from "../ports/index.js";
import type { LegHandle, LegSink } from "../ports/index.js";
import type { Piece, PieceReader } from "./chunk-content.js";
import type { CallListener, GrpcCall } from "./grpc-call.js";

type LegEnd = Parameters<LegSink["end"]>[0];

const noFinal: Failure = { kind: "protocol", message: "the stream ended without a final", sent: true };

/**
 * A running call over gRPC. Nothing is delivered beyond demand: the first piece too many waits here and the HTTP/2 stream is paused
 * behind it, so that flow control reaches the model. The end is told after everything that waits, and needs no demand itself.
 */
export function followCall(start: (listener: CallListener) => GrpcCall, reader: PieceReader, sink: LegSink): LegHandle {
  const waiting: (Piece | { readonly failure: Failure })[] = [];
  let demanded = 0;
  let over = false;
  /** The transport has nothing more; `failure` says why when its status was not OK. */
  let exhausted = false;
  let failure: Failure | undefined;

  function end(result: LegEnd): void {
    if (over) return;
    over = true;
    waiting.length = 0;
    sink.end(result);
  }

  function deliver(piece: Piece | { readonly failure: Failure }): void {
    if ("chunk" in piece) {
      demanded--;
      sink.chunk(piece.chunk);
      return;
    }
    // Nobody reads on behind a broken message; after a final the adapter closes the call itself.
    if ("failure" in piece) call.cancel();
    end(piece);
  }

  function offer(piece: Piece | { readonly failure: Failure }): void {
    if (over) return;
    if (waiting.length === 0 && (demanded > 0 || !("chunk" in piece))) {
      deliver(piece);
      return;
    }
    waiting.push(piece);
    call.pause();
  }

  function pump(): void {
    for (let next = waiting[0]; next !== undefined && (demanded > 0 || !("chunk" in next)); next = waiting[0]) {
      waiting.shift();
      deliver(next);
    }
    if (over || waiting.length > 0) return;
    if (exhausted) end({ failure: failure ?? noFinal });
    else if (demanded > 0) call.resume();
  }

  const call = start({
    message(bytes) {
      if (over) {
        // Messages behind the end: whoever sends them would go on.
        call.cancel();
        return;
      }
      let pieces: Piece | readonly Piece[];
      try {
        pieces = reader.read(bytes);
      } catch (error) {
        offer({ failure: error instanceof AdapterFailure ? error.failure : { ...noFinal, message: String(error) } });
        return;
      }
      if ("length" in pieces) pieces.forEach(offer);
      else offer(pieces);
    },
    end(result) {
      exhausted = true;
      failure = result.failure;
      pump();
    },
  });

  return {
    demand(n) {
      demanded += n;
      pump();
    },
    cancel(reason) {
      if (over) return;
      const { sent } = call;
      call.cancel();
      end({ failure: { kind: "cancelled", message: reason, sent } });
    },
  };
}
