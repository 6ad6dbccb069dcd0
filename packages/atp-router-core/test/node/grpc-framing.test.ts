import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, framed, MessageReader, timeoutHeader } from "../../src/node/grpc-framing.js";

function reading() {
  const messages: Buffer[] = [];
  return { messages, reader: new MessageReader((message) => messages.push(message)) };
}

const prefix = (flag: number, length: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
  return bytes;
};

describe("messages", () => {
  it("are the same however their bytes are cut", () => {
    const message = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(40), { minLength: 1 }), (sent, cuts) => {
        const { messages, reader } = reading();
        const bytes = Buffer.concat(sent.map(framed));
        let at = 0;
        for (let i = 0; at < bytes.length; i++) {
          const next = at + 1 + (cuts[i % cuts.length] ?? 0);
          expect(reader.push(bytes.subarray(at, next))).toBeUndefined();
          at = next;
        }
        expect(messages.map((one) => [...one])).toEqual(sent.map((one) => [...one]));
        expect(reader.cut).toBe(false);
      }),
    );
  });

  it("that lie whole in what came are not copied", () => {
    const { messages, reader } = reading();
    const bytes = Buffer.concat([framed(Buffer.from("one")), framed(Buffer.from("two"))]);
    reader.push(bytes);
    expect(messages.map(String)).toEqual(["one", "two"]);
    for (const message of messages) expect(message.buffer).toBe(bytes.buffer);
  });

  it("of 16 MiB are taken in pieces of 16 KiB, without joining them at each piece", () => {
    const { messages, reader } = reading();
    const bytes = framed(Buffer.alloc(16 * 1024 * 1024, 7));
    for (let at = 0; at < bytes.length; at += 16_384) reader.push(bytes.subarray(at, at + 16_384));
    expect(messages.map((one) => one.length)).toEqual([16 * 1024 * 1024]);
  });

  it.each([
    ["compressed", prefix(1, 3), /compressed/],
    ["of an unknown flag", prefix(2, 3), /compressed/],
    ["over 16 MiB, by its prefix alone", prefix(0, 16 * 1024 * 1024 + 1), /16777217 bytes is over 16777216/],
    ["of 4 GiB", prefix(0, 0xffffffff), /over/],
  ])("%s are refused after what came before them", (_name, bytes, says) => {
    const { messages, reader } = reading();
    expect(reader.push(Buffer.concat([framed(Buffer.from("good")), bytes]))).toMatch(says);
    expect(messages.map(String)).toEqual(["good"]);
  });

  it("that stop in the middle are told", () => {
    const { reader } = reading();
    reader.push(framed(Buffer.from("message")).subarray(0, 8));
    expect(reader.cut).toBe(true);
  });
});

it.each([
  [1, "1m"],
  [0.2, "1m"],
  [-5, "1m"],
  [1_500.4, "1501m"],
  [99_999_999, "99999999m"],
  [100_000_000, "100000S"],
  [1e15, "99999999S"],
])("B.5: a deadline in %d ms is %s", (ms, header) => {
  expect(timeoutHeader(ms)).toBe(header);
});

it.each([
  ["plain words", "plain words"],
  ["what%20encodeURIComponent%20writes%3A%20%C3%A4", "what encodeURIComponent writes: ä"],
  ["only what must be: 100%25 of %E2%82%AC", "only what must be: 100% of €"],
  ["100% sure", "100% sure"],
  ["%", "%"],
  ["%zz%4", "%zz%4"],
  ["%ff%41", "\ufffdA"],
])("the message %s is read as %s", (wire, text) => {
  expect(decodeMessage(wire)).toBe(text);
});
