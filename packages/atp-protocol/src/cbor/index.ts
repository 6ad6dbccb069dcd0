/**
 * The second encoding of the wire, `atp.v1+cbor`: the same object in CBOR (A1.2). Import it only when it was negotiated.
 * @packageDocumentation
 */
import { Decoder, Encoder } from "cbor-x";
import { checkEnvelope, refuse } from "../codec/envelope.js";
import { findHazard } from "../codec/hazards.js";
import { type Decoded, type DecodeLimits, tooBig } from "../codec/json.js";
import type { Frame } from "../frame/frame.js";

// No records: they are an extension of this library, and their decoder compiles functions, which a browser's CSP forbids.
const options = { useRecords: false, mapsAsObjects: true, variableMapSize: true, tagUint8Array: false } as const;
const encoder = new Encoder(options);
const decoder = new Decoder(options);

/** Encodes a frame as CBOR. The bytes are the caller's own. */
export function encodeCborFrame(frame: Frame): Uint8Array {
  // CBOR would write an undefined member, which a peer must refuse.
  return Uint8Array.from(encoder.encode(plain(frame)));
}

/** Decodes and checks one CBOR frame by the same rules as the JSON one (A3). Never throws. */
export function decodeCborFrame(data: Uint8Array, limits: DecodeLimits): Decoded {
  if (data.length > limits.max_frame_bytes) return { ok: false, refusal: tooBig(data.length, limits.max_frame_bytes) };
  if (hasProtoKey(data)) return { ok: false, refusal: refuse(null, "A3.3", "the key __proto__ is not allowed") };
  let frame: unknown;
  try {
    frame = decoder.decode(data);
  } catch {
    return { ok: false, refusal: refuse(null, "A3", "not CBOR") };
  }
  const hazard = findHazard(frame) ?? findForeign(frame);
  if (hazard !== null) return { ok: false, refusal: refuse(frame, "A3.3", `${hazard} is not allowed`) };
  const refusal = checkEnvelope(frame);
  return refusal === null ? { ok: true, frame: frame as Frame } : { ok: false, refusal };
}

const PROTO = [..."__proto__"].map((letter) => letter.charCodeAt(0));

/** The library renames that key while it decodes, so it is looked for in the bytes. */
function hasProtoKey(data: Uint8Array): boolean {
  for (let at = data.indexOf(0x5f); at >= 0; at = data.indexOf(0x5f, at + 1)) {
    // A key's head precedes it: a text of nine bytes.
    if (data[at - 1] === 0x69 && PROTO.every((unit, index) => data[at + index] === unit)) return true;
  }
  return false;
}

/** A copy with the values of JSON only, or the same value when it is one. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "string") return value.replace(/\p{Surrogate}/gu, "\ufffd");
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  // By entries, so that the key __proto__ stays a key, which the peer refuses as it would in JSON.
  return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]));
}

/** What CBOR has and JSON has not: byte strings, dates, tags, undefined, big or infinite numbers. The object must be the same in both. */
function findForeign(value: unknown): string | null {
  if (value === null || typeof value === "string" || typeof value === "boolean") return null;
  if (typeof value === "number") return Number.isFinite(value) ? null : "a number that is not finite";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) {
    for (const entry of value) {
      const found = findForeign(entry);
      if (found !== null) return found;
    }
    return null;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return "a value that JSON has not";
  for (const member of Object.values(value)) {
    const found = findForeign(member);
    if (found !== null) return found;
  }
  return null;
}
