import * as library from "ws";
import type { Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textFrames } from "../../src/node/text-frames.js";

/** The library's own reader; it is exported, and has no types. */
const { Receiver } = library as unknown as { Receiver: new (options: { isServer: boolean }) => Writable };

/** What a WebSocket library reads from the bytes. */
async function read(bytes: Buffer, count: number): Promise<string[]> {
  const messages: string[] = [];
  const receiver = new Receiver({ isServer: false });
  await new Promise<void>((resolve, reject) => {
    receiver.on("error", reject);
    receiver.on("message", (data: Buffer, binary: boolean) => {
      expect(binary).toBe(false);
      messages.push(data.toString("utf8"));
      if (messages.length === count) resolve();
    });
    receiver.write(bytes);
  });
  return messages;
}

describe("text frames", () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 70_000])("A1.1 a library reads a message of %i bytes", async (length) => {
    const text = "x".repeat(length);
    expect(await read(textFrames([text]), 1)).toEqual([text]);
  });

  it("A1.1 a library reads the same messages in the same order", async () => {
    const texts = fc.array(fc.string({ unit: "grapheme", maxLength: 300 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(texts, async (messages) => {
        expect(await read(textFrames(messages), messages.length)).toEqual(messages);
      }),
    );
  });
});
