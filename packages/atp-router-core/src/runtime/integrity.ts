import { AtpError } from "atp-protocol";
import type { Frame, FrameRefusal } from "atp-protocol";
import { createNonceMemory, needsSeal, nonceFault, nonceOf, sealFault, sealFrameSync } from "atp-protocol/integrity";
import type { IntegrityFault, SyncDigest } from "atp-protocol/integrity";
import type { Principal } from "../model/index.js";
import type { Clock, Rng } from "../ports/index.js";
import type { RouterConfig } from "./router.js";
import { settled } from "./settle.js";

/** Integrity of frames (A10): whose frames are signed, and by what. */
export interface IntegrityConfig {
  /** Hashes, in the same turn: `nodeDigest` of `atp-router-core/node`, or `sha256Digest` of `atp-protocol/integrity`. */
  readonly digest: SyncDigest;
  /** A principal's key, raw bytes: all its frames but ACK and HB must be signed with it. Undefined: it has none. */
  readonly keyOf: (principal: Principal) => Uint8Array | undefined;
  /** Whether a principal without a key is refused. @default false */
  readonly required?: boolean;
}

/** A router's side of A10. */
export interface Integrity {
  /** Seals the frames that a principal is sent. */
  sealer(to: Principal): (frame: Frame) => Frame;
  /**
   * Looks at the seal and the nonce of a frame.
   * @param owner what the frame is in its session, when it takes a number there: see `NonceStore`
   * @returns why it is not taken, or null. Rejects when the store of nonces cannot tell.
   */
  check(frame: Frame, from: Principal, owner?: string): FrameRefusal | null | Promise<FrameRefusal | null>;
}

const NONCE_BYTES = 16;

const wrong: Readonly<Record<IntegrityFault | "no_key", string>> = {
  checksum: "The checksum is not that of this frame.",
  signature_missing: "A frame of this principal must carry a signature: send `sig` and `nonce`.",
  signature: "The signature is not that of this principal over this frame.",
  nonce_missing: "A signed frame carries a nonce: `<unix ms>.<16 random bytes or more in base64url>`.",
  nonce_time: "The nonce is malformed, or its time is more than 5 minutes off. Look at the clock.",
  nonce_seen: "This nonce was used before. Make a new one for each frame.",
  no_key: "Frames must be signed here, and this principal has no key. Ask the operator for one.",
};

/** Makes a router's side of A10, where it is configured. */
export function createIntegrity(
  { integrity, nonces = createNonceMemory() }: Pick<RouterConfig, "integrity" | "nonces">,
  clock: Clock,
  rng: Rng,
): Integrity | undefined {
  if (integrity === undefined) return undefined;
  const { digest, keyOf, required = false } = integrity;
  const random = (): Uint8Array =>
    Uint8Array.from(
      { length: NONCE_BYTES },
      (
        (hex) => (_, i) =>
          parseInt(hex.slice(2 * i, 2 * i + 2), 16)
      )(rng.hex(NONCE_BYTES)),
    );

  return {
    sealer(to) {
      const key = keyOf(to);
      return (frame) =>
        needsSeal(frame) ? sealFrameSync(frame, { digest, key, nonce: nonceOf(clock.wall(), random()) }) : frame;
    },
    check(frame, from, owner) {
      const key = keyOf(from);
      if (key === undefined && required) return refusalOf(frame, "no_key");
      const fault = sealFault(frame, { digest, key });
      if (fault !== null) return refusalOf(frame, fault);
      if (key === undefined) return null;
      const name = `${from.tenant}\n${from.subject}`;
      const found = nonceFault(frame, nonces, name, clock.wall(), owner);
      return settled(found, (seen) => (seen === null ? null : refusalOf(frame, seen)));
    },
  };
}

function refusalOf(frame: Frame, fault: keyof typeof wrong): FrameRefusal {
  return { ...addressOf(frame), code: "ESEC", rule: "A10", message: wrong[fault], details: { fault } };
}

/** A frame that could not be looked at: nobody knows who sends it, or the nonces cannot be read. */
export function uncheckedRefusal(frame: Frame, thrown: unknown): FrameRefusal {
  const error = AtpError.from(thrown, "EOVERLOAD");
  return error.code === "EAUTH"
    ? { ...addressOf(frame), code: "EAUTH", rule: "A2.3", message: error.message }
    : {
        ...addressOf(frame),
        code: "EOVERLOAD",
        rule: "A10",
        message: "Nonces cannot be looked up now, so the frame was not taken. Try again later.",
      };
}

function addressOf({ session_id, stream_id, msg_seq, flags }: Frame): Omit<FrameRefusal, "code" | "rule" | "message"> {
  return { sessionId: session_id, streamId: stream_id, msgSeq: msg_seq, flags };
}
