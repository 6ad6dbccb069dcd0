import { utf8Length } from "atp-protocol";

/** Bytes on the wire; Node counts them many times faster than a loop can. */
export function sizeOf(data: string | Uint8Array): number {
  if (typeof data !== "string") return data.byteLength;
  return typeof Buffer === "undefined" ? utf8Length(data) : Buffer.byteLength(data);
}
