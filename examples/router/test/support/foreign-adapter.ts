import { Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";

/**
 * An adapter in another language, as far as the router can tell: it writes the wire format of part B by hand, knows only
 * fields 1 to 11, and shares no code with the packages under test.
 */

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** A field by its number: text, unsigned integer (bigint), double (number) or boolean. */
export type Field = readonly [number: number, value: string | bigint | number | boolean];

/** A protobuf message of these fields, in this order. */
export function message(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      const tag = (type: number): Buffer => varint(BigInt((number << 3) | type));
      if (typeof value === "string") {
        const text = Buffer.from(value, "utf8");
        return [tag(2), varint(BigInt(text.length)), text];
      }
      if (typeof value === "number") {
        const double = Buffer.alloc(8);
        double.writeDoubleLE(value);
        return [tag(1), double];
      }
      return [tag(0), varint(BigInt(value))];
    }),
  );
}

/** The text and integer fields of a message, by number. */
export function fieldsOf(bytes: Buffer): Map<number, string | bigint> {
  const fields = new Map<number, string | bigint>();
  let at = 0;
  const read = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(read());
    if ((tag & 7) === 0) fields.set(tag >> 3, read());
    else {
      const length = Number(read());
      fields.set(tag >> 3, bytes.toString("utf8", at, at + length));
      at += length;
    }
  }
  return fields;
}

/** A chunk of fields 1 to 7. */
export function chunk(type: "partial" | "final", content: unknown, ...more: readonly Field[]): Buffer {
  return message(
    [1, `agent.result.${type}`],
    [2, typeof content === "string" ? content : JSON.stringify(content)],
    ...more,
    ...(type === "partial" ? [[7, true] as Field] : []),
  );
}

/** What a foreign adapter does; what it lacks it does not implement. */
export interface Behaviour {
  estimate?: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;
  stream?: (call: ServerWritableStream<Buffer, Buffer>) => void;
  health?: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;
}

/** A status to fail with. */
export function refusal(code: number, details: string, trailer: Readonly<Record<string, string>> = {}) {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailer)) metadata.set(name, value);
  return { code, details, metadata };
}

/** Starts one on a free loopback port; `behaviour` may be changed while it runs. */
export async function foreignAdapter(behaviour: Behaviour): Promise<{ url: string; close(): void }> {
  const same = (bytes: Buffer): Buffer => bytes;
  const method = (name: string, responseStream: boolean) => ({
    path: `/atp.adapter.v1.AdapterService/${name}`,
    requestStream: false as const,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  const server = new Server();
  const lacking = refusal(12, "not implemented");
  server.addService(
    { estimate: method("Estimate", false), stream: method("Stream", true), health: method("Health", false) },
    {
      estimate: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        behaviour.estimate === undefined ? done(lacking) : behaviour.estimate(call, done),
      stream: (call: ServerWritableStream<Buffer, Buffer>) =>
        behaviour.stream === undefined ? call.emit("error", lacking) : behaviour.stream(call),
      health: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        behaviour.health === undefined ? done(lacking) : behaviour.health(call, done),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { url: `http://127.0.0.1:${port}`, close: () => server.forceShutdown() };
}
