import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requestHead, SpanBytes } from "../../src/otel/span-bytes.js";
import type { EndedSpan } from "../../src/otel/span-bytes.js";
import { readRequest } from "./support/otlp.js";

const span: EndedSpan = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  parentSpanId: "00f067aa0ba902b7",
  parentIsRemote: true,
  name: "chat small",
  kind: 2,
  startMs: 1_764_000_000_123,
  endMs: 1_764_000_000_123.25,
  attributes: { "gen_ai.operation.name": "chat", "gen_ai.request.stream": true, n: 7, share: 0.25, none: undefined },
  failed: true,
};

function sent(...spans: EndedSpan[]): ReturnType<typeof readRequest> {
  const bytes = new SpanBytes();
  for (const one of spans) bytes.append(one);
  expect(bytes.count).toBe(spans.length);
  const taken = bytes.take();
  expect(bytes.count).toBe(0);
  return readRequest(Buffer.concat([requestHead({ "service.name": "r" }, "scope", taken.length), taken]));
}

describe("spans as OTLP protobuf", () => {
  it("say what the span says", () => {
    const { resource, scope, spans } = sent(span);
    expect(resource).toEqual({ "service.name": "r" });
    expect(scope).toBe("scope");
    expect(spans).toEqual([
      {
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId,
        name: span.name,
        kind: 3,
        startNs: 1_764_000_000_123_000_000n,
        endNs: 1_764_000_000_123_250_000n,
        attributes: { "gen_ai.operation.name": "chat", "gen_ai.request.stream": true, n: 7, share: 0.25 },
        status: 2,
        flags: 0x301,
      },
    ]);
  });

  it("of a root that went well say neither a parent nor a status", () => {
    const [only] = sent({ ...span, parentSpanId: "", parentIsRemote: false, failed: false, attributes: {} }).spans;
    expect(only).toMatchObject({ parentSpanId: "", status: 0, flags: 0x101, attributes: {} });
  });

  const values = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 200 }),
    fc.string({ minLength: 100, maxLength: 20_000 }),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
  );
  it("hold any attributes, of many spans, the same one again and again", () => {
    const sets = fc.array(fc.dictionary(fc.string({ minLength: 1, maxLength: 150 }), values), { minLength: 1 });
    fc.assert(
      fc.property(sets, (all) => {
        const spans = [...all, ...all].map((attributes) => ({ ...span, attributes }));
        expect(sent(...spans).spans.map(({ attributes }) => attributes)).toEqual(
          // An integer has no -0.
          spans.map(({ attributes }) =>
            Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, value === 0 ? 0 : value])),
          ),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("write more texts than are kept", () => {
    const many = Array.from({ length: 600 }, (_, i) => ({ ...span, name: `n${i}`, attributes: { key: `é${i}` } }));
    const { spans } = sent(...many);
    expect(spans.map(({ name }) => name)).toEqual(many.map(({ name }) => name));
    expect(spans.map(({ attributes }) => attributes)).toEqual(many.map(({ attributes }) => attributes));
  });
});
