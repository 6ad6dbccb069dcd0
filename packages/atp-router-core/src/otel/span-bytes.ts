/** What an attribute may be here. */
export type AttributeValue = string | number | boolean;

/** Attributes of a span; what is undefined is not said. */
export type SpanAttributes = Readonly<Record<string, AttributeValue | undefined>>;

/** A span that ended, as it is sent. */
export interface EndedSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Empty at the root of a trace. */
  readonly parentSpanId: string;
  readonly parentIsRemote: boolean;
  readonly name: string;
  /** As the API counts kinds: 0 is internal, 1 server, 2 client. */
  readonly kind: number;
  /** Unix milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  readonly failed: boolean;
}

const FIRST_BYTES = 262_144;
/** A text is kept encoded when it is no longer than this, and so many of one attribute are. */
const MAX_KEPT_CHARS = 64;
const MAX_KEPT = 256;
/** Where names of spans are kept, beside attributes, whose keys are not empty. */
const NAME = "";
const TWO_32 = 4_294_967_296;

/** `field << 3 | wire type` of the messages of opentelemetry/proto/trace/v1/trace.proto, as far as they are written. */
const tag = {
  resourceSpans: 0x0a,
  resource: 0x0a,
  scopeSpans: 0x12,
  scope: 0x0a,
  span: 0x12,
  traceId: 0x0a,
  spanId: 0x12,
  parentSpanId: 0x22,
  name: 0x2a,
  kind: 0x30,
  startTime: 0x39,
  endTime: 0x41,
  attribute: 0x4a,
  status: 0x7a,
  /** Field 16 needs two bytes. */
  flags: [0x85, 0x01],
} as const;
const SAMPLED = 0x01;
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;
const ERROR = 2;

/**
 * Spans as OTLP protobuf, written as they end: no object outlives its span, and names, kinds and values that come again are copied as
 * bytes. The messages are those of `opentelemetry-proto` 1.x (trace/v1, common/v1, resource/v1).
 */
export class SpanBytes {
  private bytes = Buffer.allocUnsafe(FIRST_BYTES);
  private end = 0;
  private readonly kept = new Map<string, Map<string | boolean, Buffer>>();
  private readonly keys = new Map<string, Buffer>();
  /** Spans since the last {@link take}. */
  count = 0;

  /** Writes one span behind the others. */
  append(span: EndedSpan): void {
    this.room(512);
    this.bytes[this.end++] = tag.span;
    const length = this.begin();
    this.id(tag.traceId, span.traceId);
    this.id(tag.spanId, span.spanId);
    if (span.parentSpanId !== "") this.id(tag.parentSpanId, span.parentSpanId);
    this.keep(NAME, span.name);
    this.room(64);
    this.bytes[this.end++] = tag.kind;
    this.bytes[this.end++] = span.kind + 1;
    this.time(tag.startTime, span.startMs);
    this.time(tag.endTime, Math.max(span.startMs, span.endMs));
    for (const key in span.attributes) {
      const value = span.attributes[key];
      if (value === undefined) continue;
      if (typeof value === "number") this.number(key, value);
      else this.keep(key, value);
    }
    this.room(32);
    if (span.failed) {
      this.bytes[this.end++] = tag.status;
      this.bytes[this.end++] = 2;
      this.bytes[this.end++] = 0x18;
      this.bytes[this.end++] = ERROR;
    }
    this.bytes[this.end++] = tag.flags[0];
    this.bytes[this.end++] = tag.flags[1];
    this.bytes.writeUInt32LE(SAMPLED | HAS_IS_REMOTE | (span.parentIsRemote ? IS_REMOTE : 0), this.end);
    this.end += 4;
    this.close(length);
    this.count++;
  }

  /** The spans so far, each as a field of a ScopeSpans; after it there are none. */
  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.end));
    this.end = 0;
    this.count = 0;
    return taken;
  }

  private room(more: number): void {
    if (this.end + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.end + more));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }

  private copy(piece: Buffer): void {
    this.room(piece.length);
    this.bytes.set(piece, this.end);
    this.end += piece.length;
  }

  private id(name: number, hex: string): void {
    const size = hex.length / 2;
    this.bytes[this.end++] = name;
    this.bytes[this.end++] = size;
    this.bytes.write(hex, this.end, size, "hex");
    this.end += size;
  }

  /** Nanoseconds as fixed64. A millisecond of today has more of them than a double holds, so halves are made of seconds and the rest. */
  private time(name: number, ms: number): void {
    const seconds = Math.floor(ms / 1_000);
    const high = Math.floor(seconds / 65_536) * 1e9;
    const low = (seconds % 65_536) * 1e9 + Math.round((ms - seconds * 1_000) * 1e6);
    const lower = (high % 65_536) * 65_536 + (low % TWO_32);
    this.bytes[this.end++] = name;
    this.bytes.writeUInt32LE(lower % TWO_32, this.end);
    this.bytes.writeUInt32LE(
      Math.floor(high / 65_536) + Math.floor(low / TWO_32) + Math.floor(lower / TWO_32),
      this.end + 4,
    );
    this.end += 8;
  }

  /** Writes the length that two bytes were left for; moves the message when it needs less or more. */
  private close(at: number): void {
    const size = this.end - at - 2;
    if (size >= 128 && size < 16_384) {
      this.bytes[at] = (size & 127) | 128;
      this.bytes[at + 1] = size >>> 7;
      return;
    }
    const wide = size < 128 ? 1 : varint(size).length;
    this.room(8);
    this.bytes.copyWithin(at + wide, at + 2, this.end);
    this.end += wide - 2;
    if (wide === 1) this.bytes[at] = size;
    else this.bytes.set(varint(size), at);
  }

  /** Writes an attribute, or the name, from what is kept of it; keeps it where there is room. */
  private keep(key: string, value: string | boolean): void {
    let values = this.kept.get(key);
    if (values === undefined) this.kept.set(key, (values = new Map<string | boolean, Buffer>()));
    const known = values.get(value);
    if (known !== undefined) return this.copy(known);
    const short = typeof value === "boolean" || value.length <= MAX_KEPT_CHARS;
    if (key !== NAME && typeof value === "string" && !(short && values.size < MAX_KEPT)) return this.text(key, value);
    const encoded = key === NAME ? field(tag.name, Buffer.from(String(value))) : attribute(key, value);
    if (short && values.size < MAX_KEPT) values.set(value, encoded);
    this.copy(encoded);
  }

  /** Writes an attribute that is a text which does not come again. */
  private text(key: string, value: string): void {
    const name = this.keyOf(key);
    const size = Buffer.byteLength(value);
    this.room(name.length + size + 32);
    this.bytes[this.end++] = tag.attribute;
    const at = this.begin();
    this.bytes.set(name, this.end);
    this.end += name.length;
    this.bytes[this.end++] = 0x12;
    const valueAt = this.begin();
    this.bytes[this.end++] = 0x0a;
    const textAt = this.begin();
    this.end += this.bytes.write(value, this.end, size, "utf8");
    this.close(textAt);
    this.close(valueAt);
    this.close(at);
  }

  /** Leaves two bytes for a length: most spans, and attributes with their keys, are of 128 to 16,383 bytes, or little less. */
  private begin(): number {
    const at = this.end;
    this.end += 2;
    return at;
  }

  /** An attribute's key as a field. */
  private keyOf(key: string): Buffer {
    let name = this.keys.get(key);
    if (name === undefined) this.keys.set(key, (name = field(0x0a, Buffer.from(key))));
    return name;
  }

  /** Writes an attribute that is a number. Only its key is kept. */
  private number(key: string, value: number): void {
    const name = this.keyOf(key);
    const whole = Number.isSafeInteger(value) && value >= 0;
    this.room(name.length + 32);
    this.bytes[this.end++] = tag.attribute;
    const at = this.begin();
    this.bytes.set(name, this.end);
    this.end += name.length;
    this.bytes[this.end++] = 0x12;
    const lengthAt = this.end++;
    if (whole) {
      this.bytes[this.end++] = 0x18;
      let rest = value;
      for (; rest > 127; rest = Math.floor(rest / 128)) this.bytes[this.end++] = (rest % 128) | 128;
      this.bytes[this.end++] = rest;
    } else {
      this.bytes[this.end++] = 0x21;
      this.end = this.bytes.writeDoubleLE(value, this.end);
    }
    this.bytes[lengthAt] = this.end - lengthAt - 1;
    this.close(at);
  }
}

/** A request of the trace service up to its spans, which come behind it as they are. */
export function requestHead(resource: SpanAttributes, scope: string, spanBytes: number): Buffer {
  const entries = Object.entries(resource).filter((e): e is [string, AttributeValue] => e[1] !== undefined);
  const attributes = entries.map(([key, value]) => field(0x0a, keyValue(key, value)));
  const resourceField = field(tag.resource, Buffer.concat(attributes));
  const scopeField = field(tag.scope, field(0x0a, Buffer.from(scope)));
  const scopeSpans = Buffer.concat([Buffer.from([tag.scopeSpans]), varint(scopeField.length + spanBytes), scopeField]);
  const size = resourceField.length + scopeSpans.length + spanBytes;
  return Buffer.concat([Buffer.from([tag.resourceSpans]), varint(size), resourceField, scopeSpans]);
}

function attribute(key: string, value: AttributeValue): Buffer {
  return field(tag.attribute, keyValue(key, value));
}

function keyValue(key: string, value: AttributeValue): Buffer {
  return Buffer.concat([field(0x0a, Buffer.from(key)), field(0x12, anyValue(value))]);
}

function anyValue(value: AttributeValue): Buffer {
  if (typeof value === "string") return field(0x0a, Buffer.from(value));
  if (typeof value === "boolean") return Buffer.from([0x10, value ? 1 : 0]);
  if (Number.isSafeInteger(value) && value >= 0) return Buffer.concat([Buffer.from([0x18]), varint(value)]);
  const double = Buffer.alloc(9, 0x21);
  double.writeDoubleLE(value, 1);
  return double;
}

function field(name: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([name]), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
