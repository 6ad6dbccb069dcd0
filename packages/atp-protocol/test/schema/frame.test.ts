import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, defaultLimits, encodeFrame, flags } from "../../src/index.js";
import {
  acceptContent,
  frame as frameSchema,
  helloContent,
  requestContent,
  welcomeContent,
} from "../../src/schema/index.js";
import { configOf, grant, hello, Rig, syn } from "../support/pipe.js";

/** A value that is right, and values that may be wrong. */
const maybe = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 60, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) });
const uint = fc.oneof(
  { weight: 40, arbitrary: fc.nat({ max: 255 }) },
  fc.constantFrom(0, 1, 255, 256, 2 ** 31, 2 ** 31 + 1, 2 ** 53 - 1, 2 ** 53, 1.5, -1, 1e300),
);
const id = fc.oneof(
  { weight: 20, arbitrary: fc.stringMatching(/^[A-Za-z0-9._:-]{1,20}$/) },
  fc.constantFrom("0", "", "a/b", "x".repeat(128), "x".repeat(129)),
);
const strings = fc.array(fc.string(), { maxLength: 3 });
const window = fc.record(
  { max_parallel: maybe(uint), max_tokens: maybe(uint), max_usd_micros: maybe(uint) },
  { requiredKeys: [] },
);
const meta = fc.record(
  {
    task_type: maybe(fc.string()),
    tool_permissions: maybe(strings),
    trace: maybe(fc.record({ traceparent: maybe(fc.string()) })),
    deadline_ms: maybe(uint),
    on_disconnect: maybe(fc.constantFrom("continue", "cancel")),
    memory: maybe(
      fc.record(
        { namespace: maybe(fc.string()), read: maybe(strings), write: maybe(fc.oneof(fc.string(), strings)) },
        { requiredKeys: ["namespace"] },
      ),
    ),
    strategy: maybe(fc.constantFrom("single", "auto")),
    other: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: [] },
);
const payload = fc.record(
  {
    type: maybe(fc.constantFrom("agent.request", "error", "x")),
    content: fc.jsonValue({ maxDepth: 3 }),
    confidence: maybe(fc.double({ min: -0.01, max: 1, noNaN: true })),
    expiry_ms: maybe(uint),
    checksum: maybe(fc.string()),
  },
  { requiredKeys: ["type"] },
);
const frames = fc.record(
  {
    v: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, fc.constantFrom(2, "1", 1.5, null)),
    session_id: maybe(id),
    stream_id: maybe(id),
    msg_seq: maybe(uint),
    frag_seq: maybe(uint),
    flags: maybe(
      fc.oneof(
        {
          weight: 5,
          arbitrary: fc.constantFrom([], ["MORE"], ["SYN"], ["SYN", "ACK"], ["FIN"], ["CTRL", "OPT"], ["NEW"]),
        },
        fc.array(fc.constantFrom(...flags, "NEW"), { maxLength: 3 }),
      ),
    ),
    qos: maybe(fc.constantFrom("gold", "silver", "bronze")),
    ttl: maybe(uint),
    window: maybe(window),
    meta: maybe(meta),
    payload: maybe(payload),
    ack: maybe(uint),
    credit: maybe(fc.record({ messages: maybe(uint), bytes: maybe(uint) })),
    telemetry: maybe(fc.record({ tokens: maybe(uint), usd: maybe(uint), latency_ms: maybe(uint) })),
    checksum: maybe(fc.string()),
    sig: maybe(fc.string()),
    nonce: maybe(fc.string()),
    later: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ["v", "session_id", "stream_id", "msg_seq", "flags"] },
);

describe("the frame's schema", () => {
  it("A3 accepts exactly what the decoder accepts", () => {
    let accepted = 0;
    let total = 0;
    fc.assert(
      fc.property(frames, (value) => {
        const text = JSON.stringify(value);
        const decoded = decodeFrame(text, defaultLimits);
        const schema = frameSchema.safeParse(JSON.parse(text));
        total++;
        if (decoded.ok) accepted++;
        expect(schema.success, decoded.ok ? "decoder accepts" : decoded.refusal.message).toBe(decoded.ok);
      }),
      { numRuns: 3_000 },
    );
    // The property says something only when both outcomes are common.
    expect(accepted).toBeGreaterThan(total / 20);
    expect(accepted).toBeLessThan(total);
  });

  it("A2.2 A5.2 the endpoint's own frames satisfy the schemas of their contents", () => {
    const rig = new Rig(configOf({}));
    rig.step({ t: "socket.opened", subprotocol: "atp.v1+json" });
    rig.receive(hello());
    rig.step({ t: "hello.granted", grant });
    rig.receive(syn());
    rig.step({ t: "stream.accept", stream: "s1/st1", qos: "silver", window: { max_tokens: 1 } });
    const [welcome, accept] = rig.sent();
    expect(welcomeContent.safeParse(welcome?.payload?.content).success).toBe(true);
    expect(acceptContent.safeParse(accept?.payload?.content).success).toBe(true);
    for (const frame of rig.sent()) expect(frameSchema.safeParse(JSON.parse(encodeFrame(frame))).success).toBe(true);
  });

  it.each([
    ["A4.1 prompt", { prompt: "x" }, true],
    ["A4.1 messages", { messages: [{ role: "user", content: "x" }] }, true],
    ["A4.1 neither", { system: "x" }, false],
    ["A4.1 empty messages", { messages: [] }, false],
    ["A4.1 a float for tokens", { prompt: "x", max_output_tokens: 1.5 }, false],
    ["A3.2 unknown members stay", { prompt: "x", later: 1 }, true],
  ])("%s", (_name, content, ok) => {
    const parsed = requestContent.safeParse(content);
    expect(parsed.success).toBe(ok);
    if (parsed.success) expect(parsed.data).toEqual(content);
  });

  it("A2.1 a HELLO without capabilities is refused", () => {
    expect(helloContent.safeParse({ client: { name: "x", version: "1" } }).success).toBe(false);
  });
});
