import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readEvents, SseParser } from "../../src/openai/sse.js";

describe("SseParser", () => {
  it.each<[string, string, string[]]>([
    ["LF", "data: a\n\ndata: b\n\n", ["a", "b"]],
    ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]],
    ["CR", "data: a\r\rdata: b\r\r", ["a", "b"]],
    ["no space after the colon", "data:a\n\n", ["a"]],
    ["only one space is cut", "data:  a\n\n", [" a"]],
    ["several data lines", "data: a\ndata: b\n\n", ["a\nb"]],
    ["an empty data line", "data\n\n", [""]],
    ["comments and other fields", ": ping\nevent: x\nid: 1\nretry: 5\ndata: a\n\n: ping\n\n", ["a"]],
    ["a byte order mark", "\uFEFFdata: a\n\n", ["a"]],
    ["an event that never ends", "data: a\n\ndata: b\n", ["a"]],
  ])("%s", (_name, text, events) => {
    expect(new SseParser().push(text)).toEqual(events);
  });

  it("gives the same events however the bytes are cut", async () => {
    const event = fc
      .array(fc.constantFrom("x", "é", "😀", " ", ":", "data", "\uFEFF"), { maxLength: 6 })
      .map((parts) => parts.join(""));
    const stream = fc.tuple(fc.array(event, { maxLength: 5 }), fc.constantFrom("\n", "\r\n", "\r"));
    await fc.assert(
      fc.asyncProperty(stream, fc.array(fc.nat({ max: 120 }), { maxLength: 12 }), async ([events, end], cuts) => {
        const bytes = Buffer.from(events.map((data) => `: note${end}data: ${data}${end}${end}`).join(""), "utf8");
        const bounds = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const pieces = (async function* () {
          for (let i = 1; i < bounds.length; i += 1) yield bytes.subarray(bounds[i - 1], bounds[i]);
        })();
        const got: string[] = [];
        for await (const data of readEvents(pieces)) got.push(data);
        expect(got).toEqual(events);
      }),
    );
  });

  it("bounds one event", () => {
    const parser = new SseParser();
    const mebibyte = "x".repeat(1_048_576);
    expect(() => {
      for (let i = 0; i < 9; i += 1) parser.push(mebibyte);
    }).toThrow(RangeError);
  });

  it("does not count many events as one", () => {
    const parser = new SseParser();
    const event = `data: ${"x".repeat(1_048_576)}\n\n`;
    for (let i = 0; i < 9; i += 1) expect(parser.push(event)).toHaveLength(1);
  });
});
