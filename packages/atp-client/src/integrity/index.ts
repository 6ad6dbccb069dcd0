/**
 * Signed frames (A10) for routers that ask for them: `createClient({ url, ...integrity({ key }) })`. In a module of its own, because
 * a browser's bundle grows by its hashes.
 * @packageDocumentation
 */
import type { Decoded, Frame } from "atp-protocol";
import { needsSeal, nonceOf, sealFault, sealFrameSync, sha256Digest } from "atp-protocol/integrity";
import type { SyncDigest } from "atp-protocol/integrity";
import type { ClientOptions } from "../options.js";
import { jsonCodec } from "../ports.js";
import type { WireCodec } from "../ports.js";

/** Options of {@link integrity}. */
export interface IntegrityOptions {
  /** The principal's key, raw bytes; the router has the same. */
  readonly key: Uint8Array;
  /** Encodings to offer before JSON, such as `[cbor]` of `atp-client/cbor`. @default none */
  readonly codecs?: readonly WireCodec[];
  /** @default one in JavaScript; on Node `nodeDigest` of `atp-router-core/node` is faster */
  readonly digest?: SyncDigest;
  /** Unix milliseconds. @default Date.now */
  readonly wall?: () => number;
  /** Unguessable bytes. @default crypto.getRandomValues */
  readonly random?: (bytes: number) => Uint8Array;
}

/**
 * The options with which a client signs what it sends, each frame with a nonce of its own, and takes only what the router signed. What
 * is sent again after a cut keeps its bytes. A frame whose signature is wrong is dropped and told to the logger; an answer's end whose
 * signature is wrong is a cut, never a success.
 */
export function integrity(options: IntegrityOptions): Required<Pick<ClientOptions, "codecs" | "capabilities">> {
  const { codecs = [], key, digest = sha256Digest, wall = Date.now } = options;
  const { random = (bytes) => crypto.getRandomValues(new Uint8Array(bytes)) } = options;
  const seal = (frame: Frame): Frame =>
    needsSeal(frame) ? sealFrameSync(frame, { digest, key, nonce: nonceOf(wall(), random(16)) }) : frame;
  const opened = (decoded: Decoded): Decoded => {
    if (!decoded.ok || isStranger(decoded.frame)) return decoded;
    const fault = sealFault(decoded.frame, { digest, key });
    return fault === null ? decoded : refused(decoded.frame, fault);
  };
  return {
    codecs: [...codecs, jsonCodec].map(({ subprotocol, encode, decode }) => ({
      subprotocol,
      encode: (frame) => encode(seal(frame)),
      decode: (data, limits) => opened(decode(data, limits)),
    })),
    capabilities: ["resume", "credit", "fragments", "integrity"],
  };
}

/** Why it does not let a client in, a router says before it knows whose key to take. That a session is gone it says signed. */
function isStranger({ stream_id, sig, payload }: Frame): boolean {
  if (sig !== undefined || stream_id !== "0" || payload?.type !== "error") return false;
  return (payload.content as { code?: unknown } | null)?.code !== "ERESUME";
}

function refused({ session_id, stream_id, msg_seq, flags, payload }: Frame, fault: string): Decoded {
  const message =
    payload?.type === "control.welcome" && fault === "signature_missing"
      ? "The router does not sign its frames: it has no key for this principal."
      : `The router's frame has a wrong seal: ${fault}.`;
  const address = { sessionId: session_id, streamId: stream_id, msgSeq: msg_seq, flags };
  return { ok: false, refusal: { ...address, code: "ESEC", rule: "A10", message, details: { fault } } };
}
