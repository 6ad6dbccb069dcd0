/**
 * Flags as bits, so that a frame's kind is one comparison (A3.7).
 */
import { flags as names } from "../frame/frame.js";

/** The bit of each flag: 1 shifted by its place in the list. */
export const SYN = 1;
export const ACK = 2;
export const MORE = 4;
export const FIN = 8;
export const RST = 16;
export const HB = 32;
export const CTRL = 64;
export const OPT = 128;

/** The mixes of A3.7; OPT may join any, and so does not count. */
const LEGAL_MIXES = [
  0,
  MORE,
  SYN,
  SYN | MORE,
  SYN | FIN,
  SYN | FIN | MORE,
  SYN | ACK,
  ACK,
  HB,
  CTRL,
  FIN,
  RST,
] as const;

/** The bits of a frame's flags; unknown flags have none (A3). */
export function flagBits(flags: readonly string[]): number {
  let bits = 0;
  for (let i = 0; i < flags.length; i++) {
    const place = (names as readonly string[]).indexOf(flags[i] as string);
    if (place >= 0) bits |= 1 << place;
  }
  return bits;
}

/** True for the mixes of A3.7. */
export function isLegalMix(bits: number): boolean {
  return (LEGAL_MIXES as readonly number[]).includes(bits & ~OPT);
}

/** True when the frame takes a number: all but ACK, HB and CTRL do (A5.2). */
export function takesNumber(bits: number): boolean {
  return (bits & (ACK | HB | CTRL)) === 0;
}
