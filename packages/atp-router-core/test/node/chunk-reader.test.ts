import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StreamChunkSchema } from "atp-protocol/adapter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readStreamChunk } from "../../src/node/chunk-reader.js";

const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 2n ** 53n - 4n, max: 2n ** 53n + 4n }),
  fc.bigInt({ min: 0n, max: 300n }),
);
const message = fc.record({
  type: fc.string({ unit: "binary" }),
  contentJson: fc.string({ unit: "binary" }),
  confidence: fc.double(),
  partialInTokens: u64,
  partialOutTokens: u64,
  partialUsdMicros: u64,
  more: fc.boolean(),
});

/** The exact number, or anything above 2^53-1 for one that has none. */
function counted(value: bigint): unknown {
  return value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : expect.toSatisfy((n: number) => n > Number.MAX_SAFE_INTEGER);
}

describe("readStreamChunk", () => {
  it("B: reads what protobuf-es reads, in every field", () => {
    fc.assert(
      fc.property(message, (init) => {
        const bytes = toBinary(StreamChunkSchema, create(StreamChunkSchema, init));
        const theirs = fromBinary(StreamChunkSchema, bytes);
        expect(readStreamChunk(Buffer.from(bytes))).toEqual({
          type: theirs.type,
          contentJson: theirs.contentJson,
          confidence: theirs.confidence,
          inTokens: counted(theirs.partialInTokens),
          outTokens: counted(theirs.partialOutTokens),
          usdMicros: counted(theirs.partialUsdMicros),
          more: theirs.more,
        });
      }),
    );
  });

  it.each([
    ["a number", [0x82, 0x01, 0x05]],
    ["8 bytes", [0x81, 0x01, 1, 2, 3, 4, 5, 6, 7, 8]],
    ["text", [0x82, 0x01, 3, 0x61, 0x62, 0x63]],
    ["4 bytes", [0x85, 0x01, 1, 2, 3, 4]],
  ])("B.2-1: skips a field of a later version that holds %s", (kind, extra) => {
    const tagged = kind === "a number" ? [0x80, 0x01, 0x05] : extra;
    const bytes = Buffer.from([...tagged, 0x0a, 1, 0x78, ...tagged, 0x38, 1]);
    expect(readStreamChunk(bytes)).toMatchObject({ type: "x", more: true });
  });

  it.each([
    ["ends in a tag", [0x80]],
    ["ends in a length", [0x0a]],
    ["ends in a text", [0x0a, 5, 0x61]],
    ["ends in a double", [0x19, 0, 0]],
    ["has a number without end", [0x20, ...new Array<number>(11).fill(0xff)]],
    ["has a group", [0x0b]],
  ])("refuses bytes that are no message: it %s", (_name, bytes) => {
    expect(() => readStreamChunk(Buffer.from(bytes))).toThrow(RangeError);
  });

  it("never reads on for ever, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          readStreamChunk(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
