import { type Frame, payloadTypes } from "atp-protocol";
import fc from "fast-check";
import { badFrames } from "./bad-frames.js";
import { seedSyn } from "./seed.js";

const stream = { v: 1, session_id: "s1", stream_id: "st1" } as const;
const connection = { v: 1, session_id: "s1", stream_id: "0", msg_seq: 1 } as const;

/** One well-formed frame of each kind. */
const goodFrames: readonly Frame[] = [
  seedSyn,
  {
    ...connection,
    flags: ["CTRL"],
    payload: {
      type: payloadTypes.hello,
      content: {
        client: { name: "c", version: "1" },
        capabilities: ["resume", "credit", "fragments"],
        resume: { resume_token: "t".repeat(32), streams: [{ stream_id: "st1", last_seq: 7 }] },
      },
    },
  },
  { ...connection, flags: ["HB"] },
  { ...stream, msg_seq: 1, flags: ["SYN", "ACK"], payload: { type: payloadTypes.accept, content: { ack: 1 } }, ack: 1 },
  {
    ...stream,
    msg_seq: 9,
    flags: ["MORE"],
    ttl: 7,
    payload: {
      type: payloadTypes.partial,
      content: { adapter: "a", chunk: 7, attempt: 0, text: "ünï \u{1f600}" },
      confidence: 0.5,
      expiry_ms: 1_000,
    },
  },
  {
    ...stream,
    msg_seq: 10,
    frag_seq: 3,
    flags: [],
    payload: {
      type: payloadTypes.fragment,
      content: { data: '"}', end: { count: 4, bytes: 900, flags: ["FIN"] } },
    },
  },
  { ...stream, msg_seq: 1, flags: ["ACK"], ack: 9, credit: { messages: 73, bytes: 300_000 } },
  {
    ...stream,
    msg_seq: 11,
    flags: ["FIN"],
    payload: { type: payloadTypes.final, content: { ok: true, answer: "x" } },
    telemetry: { tokens: 10, usd: 3, latency_ms: 20, adapters: [] },
    checksum: "c",
    sig: "s",
    nonce: "n",
  },
  { ...stream, msg_seq: 12, flags: ["RST", "OPT"], payload: { type: payloadTypes.cancel, content: { reason: "no" } } },
];

/** Frames whose every member may have any value. */
function anyFrame(): fc.Arbitrary<unknown> {
  const any = fc.jsonValue({ maxDepth: 4 });
  const uint = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.double(), fc.constantFrom(-1, 2 ** 31, 2 ** 53));
  const flags = fc.array(fc.constantFrom("SYN", "ACK", "MORE", "FIN", "RST", "HB", "CTRL", "OPT", "X", "__proto__"), {
    maxLength: 4,
  });
  return fc.record(
    {
      v: fc.constantFrom<unknown>(1, 1, 1, 2, "1"),
      session_id: fc.oneof(fc.string({ maxLength: 20 }), fc.constant("s1")),
      stream_id: fc.constantFrom("0", "st1", "", "a b"),
      msg_seq: uint,
      frag_seq: uint,
      flags: fc.oneof(flags, any),
      qos: fc.oneof(fc.constantFrom("gold", "silver", "bronze"), any),
      ttl: uint,
      window: fc.oneof(fc.record({ max_parallel: uint, max_tokens: uint }), any),
      meta: fc.oneof(fc.dictionary(fc.constantFrom("risk", "trace", "memory", "strategy", "constructor"), any), any),
      payload: fc.oneof(
        fc.record({ type: fc.constantFrom(...Object.values(payloadTypes)), content: any, confidence: uint }),
        any,
      ),
      ack: uint,
      credit: fc.oneof(fc.record({ messages: uint, bytes: uint }), any),
      telemetry: any,
    },
    { requiredKeys: ["v", "session_id", "stream_id", "msg_seq", "flags"] },
  );
}

/** Texts to mutate: one of each kind, the bad ones, and frames of fast-check from this seed. */
export function corpus(seed: number, generated: number): string[] {
  return [
    ...goodFrames.map((frame) => JSON.stringify(frame)),
    ...badFrames().map((bad) => bad.text),
    ...fc.sample(anyFrame(), { seed, numRuns: generated }).map((frame) => JSON.stringify(frame)),
  ];
}
