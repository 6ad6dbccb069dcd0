/**
 * Flags as bits, so that a frame's kind is one comparison (A3.7).
 */

/** The bit of each flag. */
export const SYN = 1;
export const ACK = 2;
export const MORE = 4;
export const FIN = 8;
export const RST = 16;
export const HB = 32;
export const CTRL = 64;
export const OPT = 128;

/** The bits of a frame's flags; unknown flags have none (A3). */
export function flagBits(flags: readonly string[]): number {
  let bits = 0;
  for (let i = 0; i < flags.length; i++) {
    switch (flags[i]) {
      case "SYN":
        bits |= SYN;
        break;
      case "ACK":
        bits |= ACK;
        break;
      case "MORE":
        bits |= MORE;
        break;
      case "FIN":
        bits |= FIN;
        break;
      case "RST":
        bits |= RST;
        break;
      case "HB":
        bits |= HB;
        break;
      case "CTRL":
        bits |= CTRL;
        break;
      case "OPT":
        bits |= OPT;
        break;
      default:
    }
  }
  return bits;
}

/** True for the mixes of A3.7; OPT may join any, and so does not count. */
export function isLegalMix(bits: number): boolean {
  switch (bits & ~OPT) {
    case 0:
    case MORE:
    case SYN:
    case SYN | MORE:
    case SYN | FIN:
    case SYN | FIN | MORE:
    case SYN | ACK:
    case ACK:
    case HB:
    case CTRL:
    case FIN:
    case RST:
      return true;
    default:
      return false;
  }
}

/** True when the frame takes a number: all but ACK, HB and CTRL do (A5.2). */
export function takesNumber(bits: number): boolean {
  return (bits & (ACK | HB | CTRL)) === 0;
}
