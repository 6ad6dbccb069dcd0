/**
 * The binary encoding of the wire for {@link ClientOptions.codecs}. In a module of its own, because a browser's bundle grows by
 * its library.
 * @packageDocumentation
 */
import { decodeCborFrame, encodeCborFrame } from "atp-protocol/cbor";
import type { WireCodec } from "../ports.js";

/** `atp.v1+cbor`: the same frames in CBOR (A1.2). A router that does not know it answers in JSON. */
export const cbor: WireCodec = {
  subprotocol: "atp.v1+cbor",
  encode: encodeCborFrame,
  decode: (data, limits) =>
    typeof data === "string"
      ? { ok: false, refusal: { code: "EPROTO", rule: "A3.4", message: "a text message under atp.v1+cbor" } }
      : decodeCborFrame(new Uint8Array(data), limits),
};
