import { createRouterEndpoint, decodeFrame, defaultLimits, type Endpoint, encodeFrame } from "atp-protocol";
import { percentile } from "../harness/stats.js";
import { BAD_BYTES, type BadFrame, badFrames, structuredFrames } from "./bad-frames.js";
import { seedSyn } from "./seed.js";

/** What refusing one kind took: decoder, answer of the endpoint and its encoding, in microseconds. */
export interface RejectTimes {
  readonly kind: string;
  readonly bytes: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const WARM = 500;
const TIMED = 2_000;
const limits = { ...defaultLimits, max_frame_bytes: BAD_BYTES };

function endpoint(): Endpoint {
  return createRouterEndpoint({
    role: "router",
    limits,
    capabilities: ["resume"],
    encode: encodeFrame,
    sizeOf: (data) => Buffer.byteLength(data),
  });
}

/** A connection with one stream open, so that a bad frame of that stream is answered there. */
function connected(): Endpoint {
  const one = endpoint();
  one.step({ t: "socket.opened", at: 0, subprotocol: "atp.v1+json" });
  one.step({ t: "socket.frame", at: 0, frame: { ...seedSyn, stream_id: "open" }, bytes: 1 });
  return one;
}

/**
 * Refuses one frame again and again. The clock moves a second each time: fifteen errors a minute close no socket.
 * @throws Error when the frame is not refused, or not answered
 */
function timesOf(bad: BadFrame): RejectTimes {
  const times: number[] = [];
  let one = connected();
  for (let i = 0; i < WARM + TIMED; i++) {
    // Each refused SYN is remembered: a new connection now and then keeps the same state for all.
    if (i % 100 === 0) one = connected();
    const at = (i + 1) * 5_000;
    const start = process.hrtime.bigint();
    const decoded = decodeFrame(bad.text, limits);
    if (decoded.ok) throw new Error(`${bad.kind} was not refused`);
    const effects = one.step({ t: "socket.refused", at, refusal: decoded.refusal, bytes: bad.text.length });
    const took = process.hrtime.bigint() - start;
    // The first refused SYN is answered by RST; its repetitions by an error on the connection.
    if (!effects.some((effect) => effect.t === "transmit")) throw new Error(`${bad.kind} was not answered`);
    one.step({ t: "socket.buffered", at, bytes: 0 });
    if (i >= WARM) times.push(Number(took) / 1_000);
  }
  return { kind: bad.kind, bytes: bad.text.length, p50Us: percentile(times, 0.5), p99Us: percentile(times, 0.99) };
}

/** What was measured of refusing. */
export interface Rejects {
  /** Every kind of bad frame, slowest first. */
  readonly kinds: readonly RejectTimes[];
  /** Those that are little else than structure, and JSON.parse alone on the first of them. */
  readonly structured: readonly RejectTimes[];
  readonly parseUs: number;
}

function parseUs({ text }: BadFrame): number {
  const times: number[] = [];
  for (let i = 0; i < WARM + TIMED; i++) {
    const start = process.hrtime.bigint();
    JSON.parse(text);
    if (i >= WARM) times.push(Number(process.hrtime.bigint() - start) / 1_000);
  }
  return percentile(times, 0.5);
}

/** Times every kind. */
export function rejectTimes(): Rejects {
  const structured = structuredFrames();
  return {
    kinds: badFrames()
      .map(timesOf)
      .sort((a, b) => b.p50Us - a.p50Us),
    structured: structured.map(timesOf),
    parseUs: parseUs(structured[0] as BadFrame),
  };
}
