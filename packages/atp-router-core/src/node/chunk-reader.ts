/**
 * Reads the one message that comes fifty times in each answer. Protobuf-es reads it by reflection, at ten times the cost, and a
 * router's CPU goes where its chunks are; a property test holds the two to the same values.
 */

/** A `StreamChunk` of part B. A count above 2^53-1 is not exact: whoever reads it refuses it. */
export interface WireChunk {
  type: string;
  contentJson: string;
  confidence: number;
  inTokens: number;
  outTokens: number;
  usdMicros: number;
  more: boolean;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** A field's number and wire type, as its tag is written. */
const tag = (field: number, wireType: number): number => field * 8 + wireType;

const TYPE = tag(1, BYTES);
const CONTENT_JSON = tag(2, BYTES);
const CONFIDENCE = tag(3, FIXED64);
const IN_TOKENS = tag(4, VARINT);
const OUT_TOKENS = tag(5, VARINT);
const USD_MICROS = tag(6, VARINT);
const MORE = tag(7, VARINT);

/** How many bytes a varint of 64 bits takes at most. */
const MAX_VARINT_BYTES = 10;

/**
 * Decodes one message. Unknown fields are skipped; of a field that comes twice the last counts.
 * @throws RangeError when the bytes are no protobuf message
 */
export function readStreamChunk(bytes: Buffer): WireChunk {
  const chunk: WireChunk = {
    type: "",
    contentJson: "",
    confidence: 0,
    inTokens: 0,
    outTokens: 0,
    usdMicros: 0,
    more: false,
  };
  const cursor = new Cursor(bytes);
  while (cursor.more) {
    const next = cursor.varint();
    switch (next) {
      case TYPE:
        chunk.type = cursor.text();
        break;
      case CONTENT_JSON:
        chunk.contentJson = cursor.text();
        break;
      case CONFIDENCE:
        chunk.confidence = cursor.double();
        break;
      case IN_TOKENS:
        chunk.inTokens = cursor.varint();
        break;
      case OUT_TOKENS:
        chunk.outTokens = cursor.varint();
        break;
      case USD_MICROS:
        chunk.usdMicros = cursor.varint();
        break;
      case MORE:
        chunk.more = cursor.varint() !== 0;
        break;
      default:
        cursor.skip(next % 8);
    }
  }
  return chunk;
}

class Cursor {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get more(): boolean {
    return this.at < this.bytes.length;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) break;
      if (byte < 0x80) return value + byte * scale;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    }
    throw new RangeError("the message ends inside a number");
  }

  text(): string {
    const from = this.take(this.varint());
    return this.bytes.toString("utf8", from, this.at);
  }

  double(): number {
    return this.bytes.readDoubleLE(this.take(8));
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === FIXED64) this.take(8);
    else if (wireType === BYTES) this.take(this.varint());
    else if (wireType === FIXED32) this.take(4);
    else throw new RangeError(`the message has a field of the wire type ${wireType}`);
  }

  /** Moves over so many bytes; returns where they begin. */
  private take(count: number): number {
    const from = this.at;
    if (count > this.bytes.length - from) throw new RangeError("the message ends inside a field");
    this.at = from + count;
    return from;
  }
}
