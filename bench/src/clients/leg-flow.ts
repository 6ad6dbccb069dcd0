import type { StreamChunk } from "atp-protocol/adapter";
import type { Failure, LegSink } from "atp-router-core";
import { failureOf } from "./failures.js";
import { toPiece } from "./messages.js";

/**
 * Holds a running call to the port's contract: never more pieces than were demanded, exactly one end, nothing after it.
 * The transport below is told by `pause` and `resume` whether it may read.
 */
export class LegFlow {
  private demanded = 0;
  private readonly waiting: StreamChunk[] = [];
  private ending: Failure | undefined;
  private over = false;

  constructor(
    private readonly sink: LegSink,
    private readonly transport: { pause(): void; resume(): void },
  ) {}

  /** Whether the end was told. */
  get ended(): boolean {
    return this.over;
  }

  /** Whether the reader wants more than what already waits. */
  get hungry(): boolean {
    return this.demanded > this.waiting.length;
  }

  /** A message came. */
  offer(message: StreamChunk): void {
    if (this.over) return;
    if (this.waiting.length > 0 || (message.more && this.demanded === 0)) {
      this.waiting.push(message);
      this.transport.pause();
      return;
    }
    this.deliver(message);
    if (this.demanded === 0) this.transport.pause();
  }

  /** `n` more pieces are allowed. */
  demand(n: number): void {
    if (this.over) return;
    this.demanded += n;
    for (let next = this.waiting[0]; next !== undefined && (this.demanded > 0 || !next.more); next = this.waiting[0]) {
      this.waiting.shift();
      this.deliver(next);
    }
    if (this.ended) return;
    if (this.waiting.length > 0) return;
    if (this.ending !== undefined) this.fail(this.ending);
    else if (this.demanded > 0) this.transport.resume();
  }

  /** The transport ended without a final: told after what still waits. */
  endOfTransport(failure: Failure): void {
    if (this.waiting.length > 0) this.ending = failure;
    else this.fail(failure);
  }

  /** Ends now, whatever waits. */
  fail(failure: Failure): void {
    if (this.over) return;
    this.over = true;
    this.waiting.length = 0;
    this.sink.end({ failure });
  }

  private deliver(message: StreamChunk): void {
    if (this.over) return;
    let piece: ReturnType<typeof toPiece>;
    try {
      piece = toPiece(message);
    } catch (error) {
      this.fail(failureOf(error));
      return;
    }
    if ("chunk" in piece) {
      this.demanded--;
      this.sink.chunk(piece.chunk);
    } else {
      this.over = true;
      this.sink.end({ final: piece.final });
    }
  }
}
