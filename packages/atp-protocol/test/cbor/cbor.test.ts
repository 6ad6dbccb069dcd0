import { Encoder } from "cbor-x";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCborFrame, encodeCborFrame } from "../../src/cbor/index.js";
import { decodeFrame, defaultLimits, encodeFrame, type Frame } from "../../src/index.js";
import { frame, syn } from "../support/pipe.js";

const encoder = new Encoder({ useRecords: false });
const decode = (value: unknown) => decodeCborFrame(encoder.encode(value), defaultLimits);

describe("the CBOR encoding", () => {
  it("A1.2 carries the same object as the JSON one", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (content, ack) => {
        const value = frame({ ack, payload: { type: "agent.input", content } });
        const json = decodeFrame(encodeFrame(value), defaultLimits);
        const cbor = decodeCborFrame(encodeCborFrame(value), defaultLimits);
        expect(cbor.ok).toBe(json.ok);
        if (json.ok && cbor.ok) expect(cbor.frame).toEqual(json.frame);
      }),
    );
  });

  it("A3.3 writes the key __proto__ as it is, so that it is refused as in JSON", () => {
    const content: unknown = JSON.parse('{"a":{"__proto__":1}}');
    const decoded = decodeCborFrame(
      encodeCborFrame(frame({ payload: { type: "agent.input", content } })),
      defaultLimits,
    );
    expect(decoded.ok ? "accepted" : decoded.refusal.rule).toBe("A3.3");
  });

  it("A3.2 leaves undefined members out", () => {
    const value = { ...syn(), ack: undefined } as unknown as Frame;
    const decoded = decodeCborFrame(encodeCborFrame(value), defaultLimits);
    expect(decoded.ok ? Object.keys(decoded.frame) : []).not.toContain("ack");
  });

  it.each([
    ["A3.3 byte strings", { ...syn(), later: new Uint8Array(3) }, "A3.3"],
    ["A3.3 dates", { ...syn(), later: new Date(0) }, "A3.3"],
    ["A3.3 infinite numbers", { ...syn(), later: Number.POSITIVE_INFINITY }, "A3.3"],
    ["A3.3 integers over 2^53", { ...syn(), later: 2n ** 60n }, "A3.3"],
    ["A3.3 undefined", { ...syn(), later: undefined }, "A3.3"],
    ["A3.3 the key __proto__", { ...syn(), later: new Map([["__proto__", 1]]) }, "A3.3"],
    ["A3.3 the key constructor", { ...syn(), later: new Map([["constructor", 1]]) }, "A3.3"],
    ["A3 another version", { ...syn(), v: 2 }, "A3"],
    ["A3 no object", [1], "A3"],
  ])("refuses %s", (_name, value, rule) => {
    const decoded = decode(value);
    expect(decoded.ok ? "accepted" : decoded.refusal.rule).toBe(rule);
  });

  it("A3.4 refuses too many bytes unparsed, and any bytes without throwing", () => {
    const decoded = decodeCborFrame(new Uint8Array(defaultLimits.max_frame_bytes + 1), defaultLimits);
    expect(decoded).toMatchObject({ ok: false, refusal: { code: "ETOOBIG" } });
    const valid = encodeCborFrame(syn());
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 }))), (changes) => {
        const bytes = Uint8Array.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        expect(typeof decodeCborFrame(bytes, defaultLimits).ok).toBe("boolean");
      }),
      { numRuns: 2_000 },
    );
  });
});
