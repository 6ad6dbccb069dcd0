import type { Evidence } from "atp-protocol";
import type { AdapterFinal, Chunk, Usage } from "../model/index.js";
import { readStreamChunk } from "./chunk-reader.js";
import type { WireChunk } from "./chunk-reader.js";
import { broken, clampedShare } from "./grpc-status.js";
import type { Warn } from "./grpc-status.js";

/** One message of a call in the router's values. */
export type Piece = { readonly chunk: Chunk } | { readonly final: AdapterFinal };

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const FINAL = "agent.result.final";
/** Leaves room for the frame around it, whose depth is 64 (A3.3). */
const MAX_DEPTH = 48;

/** Members that the router writes itself: an adapter's of these names do not travel. */
const ofPartial: ReadonlySet<string> = new Set(["text", "adapter", "chunk", "attempt", "sample"]);
const ofFinal: ReadonlySet<string> = new Set(["answer", "evidence", "ok", "adapter", "consensus"]);

/** Reads one call's messages in order, so that a delta's text is never cut inside a character (B.9). */
export class PieceReader {
  private high = "";

  constructor(private readonly warn: Warn) {}

  /**
   * The pieces of one message; the last message may need a piece more for half a character that waited.
   * @throws AdapterFailure `protocol` when the message breaks the contract
   */
  read(bytes: Buffer): Piece | readonly Piece[] {
    const message = decode(bytes);
    const usage = usageOf(message);
    const content = contentOf(message.contentJson);
    const confidence = this.confidence(message.confidence);
    if (message.type === FINAL) {
      if (message.more) throw broken(`a chunk of type ${FINAL} says that more follow`);
      return this.final(content, usage, confidence);
    }
    const { text } = content;
    if (text !== undefined && typeof text !== "string") throw broken("content_json.text is not text");
    const extra = extraOf(content, ofPartial);
    // Without spreads, which cost more than all else that is done to a chunk.
    const chunk: Writable<Chunk> = { usage };
    if (text !== undefined) chunk.text = this.whole(text);
    if (extra !== undefined) chunk.extra = extra;
    if (confidence !== undefined) chunk.confidence = confidence;
    return { chunk };
  }

  private final(
    content: Record<string, unknown>,
    usage: Usage,
    confidence: number | undefined,
  ): Piece | readonly Piece[] {
    const { answer } = content;
    if (answer !== undefined && typeof answer !== "string") throw broken("content_json.answer is not text");
    const extra = extraOf(content, ofFinal);
    const final: Piece = {
      final: {
        ...(answer === undefined ? undefined : { answer }),
        evidence: evidenceOf(content["evidence"]),
        ...(extra === undefined ? undefined : { extra }),
        usage,
        ...(confidence === undefined ? undefined : { confidence }),
      },
    };
    if (this.high === "") return final;
    this.high = "";
    // The other half never came. The joined text is the answer when the final has none, so it is told here too.
    return [{ chunk: { text: "\ufffd", usage: nothing } }, final];
  }

  /** A delta that ends in half a character waits for the other half; any other half becomes U+FFFD. */
  private whole(delta: string): string {
    if (this.high === "" && delta.isWellFormed()) return delta;
    let text = this.high + delta;
    this.high = "";
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.high = text.slice(-1);
      text = text.slice(0, -1);
    }
    return text.toWellFormed();
  }

  /** Protobuf cannot tell 0 from absent: one that is sure to be wrong is as rare as one that says nothing is common. */
  private confidence(value: number): number | undefined {
    return value === 0 ? undefined : clampedShare(value, "confidence of a chunk", this.warn);
  }
}

const nothing: Usage = { inTokens: 0, outTokens: 0, usdMicros: 0 };

function decode(bytes: Buffer): WireChunk {
  try {
    return readStreamChunk(bytes);
  } catch (error) {
    throw broken((error as Error).message);
  }
}

function usageOf(m: WireChunk): Usage {
  if (m.inTokens === 0 && m.outTokens === 0 && m.usdMicros === 0) return nothing;
  return {
    inTokens: counted(m.inTokens, "partial_in_tokens"),
    outTokens: counted(m.outTokens, "partial_out_tokens"),
    usdMicros: counted(m.usdMicros, "partial_usd_micros"),
  };
}

function counted(value: number, name: string): number {
  if (value > Number.MAX_SAFE_INTEGER) throw broken(`${name} is larger than 2^53-1`);
  return value;
}

function contentOf(json: string): Record<string, unknown> {
  if (json === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw broken("content_json is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw broken("content_json is not an object");
  return value as Record<string, unknown>;
}

function extraOf(content: Record<string, unknown>, known: ReadonlySet<string>): Record<string, unknown> | undefined {
  let extra: Record<string, unknown> | undefined;
  for (const name in content) {
    if (known.has(name) || name === "__proto__") continue;
    (extra ??= {})[name.toWellFormed()] = sendable(content[name], 1);
  }
  return extra;
}

/** A value that a frame may carry (A3.3): whole characters, no `__proto__`, no depth without bound. */
function sendable(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) throw broken(`content_json is nested over ${MAX_DEPTH}`);
  if (Array.isArray(value)) return value.map((entry) => sendable(entry, depth + 1));
  const out: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (name !== "__proto__") out[name.toWellFormed()] = sendable(member, depth + 1);
  }
  return out;
}

/** What is no citation is left out: an answer is worth more than its worst footnote. */
function evidenceOf(value: unknown): readonly Evidence[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown): Evidence[] => {
    const item = entry as Partial<Evidence> | null;
    const good =
      typeof item === "object" &&
      item !== null &&
      typeof item.source === "string" &&
      typeof (item.locator ?? "") === "string" &&
      typeof (item.quote ?? "") === "string";
    return good ? [sendable(item, 1) as Evidence] : [];
  });
}
