import { AtpError } from "atp-protocol";
import type { StreamEnd } from "../stream/index.js";

/** The end of a stream that was refused before anything was asked: a bill of zeros (A11). */
export function refusal(error: unknown): StreamEnd {
  const telemetry = { tokens: 0, usd: 0, latency_ms: 0, in_tokens: 0, out_tokens: 0, adapters: [] };
  return { t: "stream.closed", by: "error", error: AtpError.from(error).toContent(), telemetry, record: {} };
}
