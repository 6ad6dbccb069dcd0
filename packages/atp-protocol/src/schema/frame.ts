import * as z from "zod";
import { ACK, CTRL, FIN, flagBits, isLegalMix, RST, SYN, takesNumber } from "../codec/flags.js";
import { findHazard } from "../codec/hazards.js";
import { credit, id, meta, qos, uint, window } from "./basics.js";

/** A payload's envelope (A4): `content` belongs to the schema of its type. */
export const payload = z.looseObject({
  type: z.string(),
  content: z.unknown().optional(),
  confidence: z.number().min(0).max(1).optional(),
  cost_est: z.unknown().optional(),
  expiry_ms: uint.optional(),
  checksum: z.string().optional(),
});

/**
 * The whole frame as the decoder accepts it (A3): what it accepts and what this schema accepts are the same. A reader
 * asks three members of telemetry only; what a writer owes is the closed schema's matter.
 */
export const frame = z
  .looseObject({
    v: z.literal(1),
    session_id: id,
    stream_id: id,
    msg_seq: uint.min(1),
    frag_seq: uint.optional(),
    flags: z.array(z.string()),
    qos: qos.optional(),
    ttl: uint.max(255).optional(),
    window: window.optional(),
    meta: meta.optional(),
    payload: payload.optional(),
    ack: uint.optional(),
    credit: credit.optional(),
    telemetry: z.looseObject({ tokens: uint, usd: uint, latency_ms: uint }).optional(),
    checksum: z.string().optional(),
    sig: z.string().optional(),
    nonce: z.string().optional(),
  })
  .refine((value) => isLegalMix(flagBits(value.flags)), { message: "these flags do not go together (A3.7)" })
  .refine(
    (value) => {
      const bits = flagBits(value.flags);
      const needsPayload = (bits & (ACK | FIN | RST)) === 0 && (takesNumber(bits) || (bits & CTRL) !== 0);
      return value.payload !== undefined || !needsPayload;
    },
    { message: "this frame needs a payload (A4)" },
  )
  .refine((value) => (flagBits(value.flags) & (SYN | ACK)) !== SYN || value.msg_seq <= 2 ** 31, {
    message: "a SYN's msg_seq is at most 2^31 (A5.1)",
  })
  .refine((value) => findHazard(value) === null, { message: "a forbidden key, depth or surrogate (A3.3)" });
