/** A reader of what is sent, written from the .proto files alone and by other means than the writer. */
type Field = readonly [field: number, value: bigint | Buffer];

function* fieldsOf(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("a message ends within a number");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const piece = (size: number): Buffer => {
    if (at + size > bytes.length) throw new Error(`a field of ${size} bytes does not fit`);
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const field = tag >> 3;
    const type = tag & 7;
    if (type === 0) yield [field, varint()];
    else if (type === 1) yield [field, piece(8)];
    else if (type === 2) yield [field, piece(Number(varint()))];
    else if (type === 5) yield [field, piece(4)];
    else throw new Error(`wire type ${type}`);
  }
}

const all = (bytes: Buffer, wanted: number): Buffer[] =>
  [...fieldsOf(bytes)].flatMap(([field, value]) => (field === wanted ? [value as Buffer] : []));
const one = (bytes: Buffer, wanted: number): Buffer => all(bytes, wanted)[0] ?? Buffer.alloc(0);
const number = (bytes: Buffer, wanted: number): number => {
  const found = [...fieldsOf(bytes)].find(([field]) => field === wanted);
  return found === undefined ? 0 : Number(found[1]);
};

function attributesOf(pairs: readonly Buffer[]): Record<string, string | boolean | number> {
  return Object.fromEntries(
    pairs.map((pair): [string, string | boolean | number] => {
      const [[type, value] = [0, 0n]] = [...fieldsOf(one(pair, 2))];
      const key = one(pair, 1).toString();
      if (type === 1) return [key, value.toString()];
      if (type === 2) return [key, value === 1n];
      if (type === 3) return [key, Number(value)];
      if (type === 4) return [key, (value as Buffer).readDoubleLE()];
      throw new Error(`a value of type ${type}`);
    }),
  );
}

/** A request of the trace service with one resource and one scope. */
export function readRequest(bytes: Buffer) {
  const resourceSpans = one(bytes, 1);
  const scopeSpans = one(resourceSpans, 2);
  return {
    resource: attributesOf(all(one(resourceSpans, 1), 1)),
    scope: one(one(scopeSpans, 1), 1).toString(),
    spans: all(scopeSpans, 2).map((span) => ({
      traceId: one(span, 1).toString("hex"),
      spanId: one(span, 2).toString("hex"),
      parentSpanId: one(span, 4).toString("hex"),
      name: one(span, 5).toString(),
      kind: number(span, 6),
      startNs: one(span, 7).readBigUInt64LE(),
      endNs: one(span, 8).readBigUInt64LE(),
      attributes: attributesOf(all(span, 9)),
      status: number(one(span, 15), 3),
      flags: one(span, 16).readUInt32LE(),
    })),
  };
}
