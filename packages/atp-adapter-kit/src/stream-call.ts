/**
 * One Stream call: the author's parts in, chunks of the wire out.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { payloadTypes } from "atp-protocol";
import type { StreamChunkSchema } from "atp-protocol/adapter";
import { AdapterError } from "./errors.js";
import { clampConfidence } from "./estimate.js";
import type { Logger } from "./logger.js";
import type { AdapterRequest } from "./request.js";
import { estimateTokens, UsageMeter } from "./tokens.js";
import type { Adapter, FinalPart, StreamCall, StreamPart } from "./types.js";
import { DeltaJoiner, toWellFormed, wellFormedJson } from "./well-formed.js";

/** A chunk as it goes to the wire. */
export type Chunk = MessageInitShape<typeof StreamChunkSchema>;

/**
 * Runs the author's stream. Yields partials and then exactly one final; throws what the author threw, or the signal's
 * reason as soon as it fires, without waiting for the author.
 *
 * A generator that ends without a final gets one with the joined text; one that ends without anything has failed.
 */
export async function* runStream(
  adapter: Adapter,
  request: AdapterRequest,
  call: StreamCall,
  log: Logger,
): AsyncGenerator<Chunk, void, undefined> {
  const chunks = new ChunkWriter(adapter, request, log);
  const iterator = adapter.stream(request, call)[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (!chunks.finished) {
      const step = await nextOrAbort(iterator, call.signal);
      ended = step.done === true;
      if (step.value !== undefined) yield* chunks.write(step.value);
      if (ended) break;
    }
    if (!chunks.finished) yield* chunks.finishWithText();
  } finally {
    // Not awaited: an author who ignores the signal must not hold up the cancel. Its late throw has no reader.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** The state of one answer on its way out. */
class ChunkWriter {
  finished = false;
  private readonly deltas: string[] = [];
  private readonly joiner = new DeltaJoiner();
  private readonly meter: UsageMeter;

  constructor(
    adapter: Adapter,
    request: AdapterRequest,
    private readonly log: Logger,
  ) {
    this.meter = new UsageMeter(estimateTokens(request.promptText), adapter.prices);
  }

  /** The chunks of one part: a partial, a final, or both. */
  *write(part: StreamPart): Generator<Chunk> {
    if (typeof part !== "object" || part === null) throw new TypeError("a stream must yield objects");
    const { text, usage, confidence, final, ...members } = part;
    if (text !== undefined && typeof text !== "string") throw new TypeError("text must be a string");
    const delta = text === undefined ? "" : this.joiner.push(text);
    const hasContent = delta !== "" || Object.keys(members).length > 0;
    if (final === undefined) {
      if (!hasContent && usage === undefined) return;
      this.deltas.push(delta);
      const content = delta === "" ? members : { ...members, text: delta };
      yield this.chunk(payloadTypes.partial, content, delta, usage, confidence);
      return;
    }
    if (hasContent) {
      this.deltas.push(delta);
      yield this.chunk(payloadTypes.partial, { ...members, text: delta }, delta, undefined, undefined);
    }
    yield* this.finish(final, usage, confidence);
  }

  /** The final of an author who gave none. */
  *finishWithText(): Generator<Chunk> {
    const held = this.joiner.end();
    if (this.deltas.length === 0 && held === "") {
      throw new AdapterError("internal", "the adapter ended without text and without a final");
    }
    yield* this.heldPartial(held);
    yield* this.finish({ answer: this.deltas.join("") }, undefined, undefined);
  }

  private *finish(
    final: FinalPart,
    usage: StreamPart["usage"],
    confidence: StreamPart["confidence"],
  ): Generator<Chunk> {
    yield* this.heldPartial(this.joiner.end());
    const answer = final.answer ?? "";
    if (typeof answer !== "string") throw new TypeError("final.answer must be a string");
    // An answer that came in partials is not counted again.
    const uncounted = this.deltas.length === 0 ? toWellFormed(answer) : "";
    this.finished = true;
    yield this.chunk(payloadTypes.final, final, uncounted, usage, confidence);
  }

  private *heldPartial(held: string): Generator<Chunk> {
    if (held === "") return;
    this.deltas.push(held);
    yield this.chunk(payloadTypes.partial, { text: held }, held, undefined, undefined);
  }

  private chunk(
    type: typeof payloadTypes.partial | typeof payloadTypes.final,
    content: object,
    delta: string,
    usage: StreamPart["usage"],
    confidence: StreamPart["confidence"],
  ): Chunk {
    const step = this.meter.next(delta, usage);
    return {
      type,
      contentJson: wellFormedJson(content),
      confidence: this.confidence(confidence),
      partialInTokens: BigInt(step.inTokens),
      partialOutTokens: BigInt(step.outTokens),
      partialUsdMicros: BigInt(step.usdMicros),
      more: type === payloadTypes.partial,
    };
  }

  private confidence(value: number | undefined): number {
    if (value === undefined) return 0;
    const clamped = clampConfidence(value);
    if (clamped !== value) this.log.warn("confidence is outside 0 to 1 and was clamped", { confidence: String(value) });
    return clamped;
  }
}

/** The author's next part, or a throw of the signal's reason, whichever comes first. */
function nextOrAbort(
  iterator: AsyncIterator<StreamPart, StreamPart | undefined | void, undefined>,
  signal: AbortSignal,
): Promise<IteratorResult<StreamPart, StreamPart | undefined | void>> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortError(signal));
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("cancelled");
}
