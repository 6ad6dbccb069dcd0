import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, defaultLimits, encodeFrame, encodeRouterFrame, type Frame, utf8Length } from "../../src/index.js";
import { frame } from "../support/pipe.js";

/** The seed's SYN, with its own whitespace. */
export const seedSyn = `{
  "v":1,
  "session_id":"s1",
  "stream_id":"st1",
  "msg_seq":1,
  "frag_seq":0,
  "flags":["SYN"],
  "qos":"gold",
  "ttl":8,
  "window": {"max_parallel":4, "max_tokens":50000, "max_usd_micros":1000000},
  "meta": {"task_type":"qa", "tool_permissions":[], "data_scope":["no_secrets"]},
  "payload": {"type":"agent.result.partial", "content":{"prompt":"hello"}}
}`;
const seedPartial = `{
  "v":1, "session_id":"s1", "stream_id":"st1",
  "msg_seq":2, "frag_seq":0, "flags":["MORE"],
  "payload": {"type":"agent.result.partial","content":{"chunk":0,"adapter":"persona_adapter"}, "confidence":0.62}
}`;
const seedFinal = `{
  "v":1, "session_id":"s1", "stream_id":"st1",
  "msg_seq":3, "flags":["FIN"],
  "payload": {"type":"agent.result.final","content":{"ok":true,"answer":"..."}},
  "telemetry": {"tokens": 48210, "usd": 910000, "latency_ms": 1320}
}`;

const base = JSON.parse(seedSyn) as Record<string, unknown>;
const withMember = (member: string, value: unknown): string => JSON.stringify({ ...base, [member]: value });
const raw = (member: string, json: string): string => seedSyn.replace(/}$/, `, "${member}": ${json}}`);
const nest = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const decode = (text: string) => decodeFrame(text, defaultLimits);

describe("decodeFrame", () => {
  it.each([
    ["the seed's SYN", seedSyn],
    ["the seed's PARTIAL", seedPartial],
    ["the seed's FINAL", seedFinal],
    ["A3.2 unknown members", withMember("later", { a: 1 })],
    ["A3 unknown flags", withMember("flags", ["SYN", "NEW"])],
    ["A3.1 1.0 and 1e3 are integers", raw("ack", "1e3").replace('"msg_seq":1,', '"msg_seq":1.0,')],
    ["A3 ids of 128", withMember("session_id", "x".repeat(128))],
    ["A3 ttl 255", withMember("ttl", 255)],
    ["A5.1 SYN with 2^31", withMember("msg_seq", 2 ** 31)],
    // The payload is 2, its content 3, so 62 arrays in a member of the frame reach 63 and one more is the last allowed.
    ["A3.3 depth 64", raw("later", nest(63))],
    [
      "A3.3 many brackets in a text",
      withMember("payload", { type: "agent.request", content: { prompt: "[{".repeat(500) } }),
    ],
    [
      "A3.3 constructor inside payload.content",
      withMember("payload", { type: "agent.request", content: { tools: [{ constructor: 1, prototype: 2 }] } }),
    ],
    ["A3.3 a surrogate pair in escapes", raw("later", '"\\ud83d\\ude00"')],
    ["A3.3 a raw surrogate pair", raw("later", '"\u{1f600}"')],
    ["A3.3 a backslash before ud800 is a text", raw("later", '"\\\\ud800"')],
    ["A3.7 SYN,FIN", withMember("flags", ["SYN", "FIN"])],
    ["A3.7 OPT joins anything", withMember("flags", ["OPT", "CTRL"])],
    ["A3.7 MORE on SYN", withMember("flags", ["SYN", "MORE"])],
    ["A3.7 ACK without payload", JSON.stringify(frame({ flags: ["ACK"], ack: 3 }))],
    ["A3.7 HB without payload", JSON.stringify(frame({ stream_id: "0", flags: ["HB"] }))],
    ["A3 last of duplicate keys counts", raw("v", "2").replace('"v": 2', '"v": 1')],
    [
      "A3 memory with several keys",
      withMember("meta", { memory: { namespace: "a/b", read: ["x"], write: ["y", "z"] } }),
    ],
  ])("accepts %s", (_name, text) => {
    const decoded = decode(text);
    expect(decoded.ok ? "ok" : decoded.refusal.message).toBe("ok");
  });

  it.each([
    ["not JSON", "{", "A3"],
    ["an array", "[]", "A3"],
    ["null", "null", "A3"],
    ["v 2", withMember("v", 2), "A3"],
    ["v as text", withMember("v", "1"), "A3"],
    ["an id with a slash", withMember("stream_id", "a/b"), "A3"],
    ["an empty id", withMember("session_id", ""), "A3"],
    ["an id of 129", withMember("session_id", "x".repeat(129)), "A3"],
    ["msg_seq 0", withMember("msg_seq", 0), "A3.1"],
    ["msg_seq 2^53", raw("msg_seq", "9007199254740992"), "A3.1"],
    ["msg_seq 1.5", withMember("msg_seq", 1.5), "A3.1"],
    ["a negative ack", withMember("ack", -1), "A3.1"],
    ["an infinite ack", raw("ack", "1e400"), "A3.1"],
    ["frag_seq as text", withMember("frag_seq", "0"), "A3.1"],
    ["ttl 256", withMember("ttl", 256), "A3.1"],
    ["an unknown qos", withMember("qos", "lead"), "A3"],
    ["flags as text", withMember("flags", "SYN"), "A3"],
    ["a number as flag", withMember("flags", ["SYN", 1]), "A3"],
    ["a window of floats", withMember("window", { max_tokens: 1.5 }), "A3.1"],
    ["a credit without bytes", withMember("credit", { messages: 1 }), "A3.1"],
    ["SYN with 2^31 + 1", withMember("msg_seq", 2 ** 31 + 1), "A5.1"],
    ["SYN,RST", withMember("flags", ["SYN", "RST"]), "A3.7"],
    ["CTRL,FIN", withMember("flags", ["CTRL", "FIN"]), "A3.7"],
    ["FIN,MORE", withMember("flags", ["FIN", "MORE"]), "A3.7"],
    ["confidence 1.1", withMember("payload", { type: "x", content: 1, confidence: 1.1 }), "A4"],
    ["a payload without type", withMember("payload", { content: 1 }), "A4"],
    ["a SYN without payload", JSON.stringify({ ...base, payload: undefined }), "A4"],
    ["meta.strategy unknown", withMember("meta", { strategy: "best" }), "A3"],
    ["meta.memory without namespace", withMember("meta", { memory: { read: [] } }), "A3"],
    ["depth 65", raw("later", nest(64)), "A3.3"],
    ["depth 65 in content", withMember("payload", { type: "x", content: JSON.parse(nest(63)) as unknown }), "A3.3"],
    ["__proto__ at the top", raw("__proto__", "{}"), "A3.3"],
    ["__proto__ in content", raw("payload", '{"type":"x","content":{"a":[{"__proto__":1}]}}'), "A3.3"],
    ["__proto__ in escapes", raw("later", '{"\\u005f_proto__":1}'), "A3.3"],
    ["constructor in meta", raw("meta", '{"constructor":1}'), "A3.3"],
    ["prototype at the top", raw("prototype", "1"), "A3.3"],
    ["a lone surrogate in an escape", raw("later", '"\\ud83d"'), "A3.3"],
    ["a lone surrogate in a key", raw("later", '{"\\udc00":1}'), "A3.3"],
    ["a raw lone surrogate", raw("later", '"\ud83d"'), "A3.3"],
    ["telemetry of floats", withMember("telemetry", { tokens: 1, usd: 0.5, latency_ms: 1 }), "A11"],
    ["a number as sig", withMember("sig", 1), "A10"],
  ])("refuses %s", (_name, text, rule) => {
    const decoded = decode(text);
    expect(decoded.ok).toBe(false);
    if (!decoded.ok) expect([decoded.refusal.code, decoded.refusal.rule]).toEqual(["EPROTO", rule]);
  });

  it("A3.4 refuses a frame over its limit unparsed, with its size", () => {
    const text = withMember("later", "é".repeat(defaultLimits.max_frame_bytes / 2));
    const decoded = decode(text);
    expect(decoded).toMatchObject({
      ok: false,
      refusal: { code: "ETOOBIG", rule: "A3.4", details: { bytes: Buffer.byteLength(text), limit: 262_144 } },
    });
    expect(decoded.ok ? {} : decoded.refusal.streamId).toBeUndefined();
  });

  it("A3.6 a refusal carries what can be read of the address", () => {
    const decoded = decode(withMember("qos", "lead"));
    expect(decoded).toMatchObject({
      ok: false,
      refusal: { sessionId: "s1", streamId: "st1", msgSeq: 1, flags: ["SYN"] },
    });
    const other = decode(withMember("msg_seq", -1));
    expect(other.ok ? 0 : other.refusal.msgSeq).toBeUndefined();
  });

  it("A3 an unsupported version says which is supported", () => {
    expect(decode(withMember("v", 2))).toMatchObject({ refusal: { details: { supported: [1] } } });
  });

  it("A3.3 mutated frames never throw and touch no prototype", () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const seeds = [seedSyn, seedPartial, seedFinal, raw("meta", '{"__proto__":{"polluted":1}}')];
    const pieces = fc.constantFrom(
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "\\u",
      "\\ud800",
      "__proto__",
      "1e999",
      "null",
      "\u0000",
      "\ud83d",
      "-0",
      "true",
    );
    const mutation = fc.record({
      seed: fc.constantFrom(...seeds),
      cuts: fc.array(fc.tuple(fc.nat({ max: 500 }), fc.nat({ max: 8 }), pieces), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(mutation, ({ seed, cuts }) => {
        let text = seed;
        for (const [at, drop, piece] of cuts) text = text.slice(0, at) + piece + text.slice(at + drop);
        const decoded = decode(text);
        if (decoded.ok) expect(decode(JSON.stringify(decoded.frame)).ok).toBe(true);
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }),
      { numRuns: 5_000 },
    );
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
  });
});

describe("encodeFrame", () => {
  it("writes members in the order of the specification, so that the seed's frames come out as they are", () => {
    for (const text of [seedSyn, seedPartial, seedFinal]) {
      const value = JSON.parse(text) as Frame;
      expect(encodeFrame(value)).toBe(JSON.stringify(value));
    }
  });

  const anyContent = fc.jsonValue({ maxDepth: 4 });
  it("what is encoded decodes to the same frame", () => {
    const some = fc.record(
      {
        frag_seq: fc.nat(),
        ttl: fc.nat({ max: 255 }),
        qos: fc.constantFrom("gold" as const, "bronze" as const),
        window: fc.record({ max_tokens: fc.nat() }),
        meta: fc.record({ task_type: fc.string(), later: anyContent }),
        ack: fc.nat(),
        credit: fc.record({ messages: fc.nat(), bytes: fc.nat() }),
        telemetry: fc.record({ tokens: fc.nat(), usd: fc.nat(), latency_ms: fc.nat() }),
        checksum: fc.string(),
        sig: fc.string(),
        nonce: fc.string(),
      },
      { requiredKeys: [] },
    );
    const flags = fc.constantFrom([], ["MORE"], ["FIN"], ["SYN", "ACK"], ["MORE", 'we"ird']);
    fc.assert(
      fc.property(some, flags, anyContent, fc.string(), (members, flagList, content, type) => {
        const value = frame({ ...members, flags: flagList, msg_seq: 5, payload: { type, content } });
        const decoded = decode(encodeFrame(value));
        // fast-check makes keys such as __proto__ too: those are refused, all else comes back.
        if (decoded.ok) expect(decoded.frame).toEqual(JSON.parse(JSON.stringify(value)));
        else expect(decoded.refusal.rule).toBe("A3.3");
      }),
      { numRuns: 1_000 },
    );
  });

  it("A3.3 a lone surrogate becomes U+FFFD, and a text that looks like its escape stays", () => {
    const content = { text: "a\ud83d b\\ud83d c\u{1f600}", tail: "\udc00" };
    const decoded = decode(encodeFrame(frame({ payload: { type: "agent.request", content } })));
    expect(decoded).toMatchObject({
      ok: true,
      frame: { payload: { content: { text: "a\ufffd b\\ud83d c\u{1f600}", tail: "\ufffd" } } },
    });
  });
});

describe("encodeRouterFrame", () => {
  it("says what encodeFrame says, whatever a partial has beside its usual members", () => {
    const others = fc.record(
      {
        ttl: fc.nat({ max: 255 }),
        frag_seq: fc.nat(),
        ack: fc.nat(),
        sig: fc.string(),
        qos: fc.constant("gold" as const),
      },
      { requiredKeys: [] },
    );
    // The usual partial has none of them, and records drawn alone rarely do.
    const more = fc.oneof(fc.constant({}), others);
    const payload = fc.record(
      {
        type: fc.constantFrom("agent.result.partial", "agent.log", 'we"ird'),
        content: fc.oneof(
          fc.jsonValue({ maxDepth: 3 }),
          fc.constant(undefined),
          fc.string({ unit: "binary" }),
          fc.record({ adapter: fc.string(), chunk: fc.nat(), attempt: fc.nat(), text: fc.string({ unit: "binary" }) }),
          fc.record({ adapter: fc.string(), chunk: fc.double(), attempt: fc.nat(), text: fc.string() }),
        ),
        confidence: fc.oneof(fc.double(), fc.constant(undefined)),
        expiry_ms: fc.nat(),
      },
      { requiredKeys: ["type", "content"] },
    );
    const flags = fc.constantFrom(["MORE"], ["MORE"], ["MORE", "OPT"], ["FIN"], []);
    let usual = 0;
    fc.assert(
      fc.property(more, payload, flags, fc.nat(), (members, content, flagList, seq) => {
        const value = frame({ ttl: 7, ...members, msg_seq: seq, flags: flagList, payload: content } as Partial<Frame>);
        expect(JSON.parse(encodeRouterFrame(value))).toEqual(JSON.parse(encodeFrame(value)));
        if (Object.keys(value).length === 7 && content.type === "agent.result.partial") usual++;
      }),
      { numRuns: 2_000 },
    );
    expect(usual).toBeGreaterThan(0);
  });
});

describe("utf8Length", () => {
  it("agrees with the platform's encoder on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0xd700, max: 0xe000 })), (units) => {
        const text = String.fromCharCode(...units);
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
    );
  });
});
