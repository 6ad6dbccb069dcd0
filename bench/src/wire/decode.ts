import { decodeFrame, defaultLimits } from "atp-protocol";
import { seedText } from "./seed.js";

/** What one round measured: nanoseconds of CPU for one frame. */
export interface DecodeRound {
  readonly parseNs: number;
  readonly decodeNs: number;
}

const LOOPS = 40_000;

/** CPU time, so that a busy neighbour changes it little. */
function nsOf(once: () => number): number {
  let kept = 0;
  const before = process.cpuUsage();
  for (let i = 0; i < LOOPS; i++) kept += once();
  const used = process.cpuUsage(before);
  if (kept !== LOOPS) throw new Error("the loop did not run");
  return ((used.user + used.system) * 1_000) / LOOPS;
}

const parse = (): number => (JSON.parse(seedText) as { readonly v: number }).v;

function decode(): number {
  const decoded = decodeFrame(seedText, defaultLimits);
  return decoded.ok ? decoded.frame.v : 0;
}

/** The seed's SYN by JSON.parse alone and by the decoder, each there and back, so that drift within a round cancels. */
export function decodeRounds(rounds: number): DecodeRound[] {
  const measured: DecodeRound[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [parse, decode, decode, parse] : [decode, parse, parse, decode];
    const sums = new Map([
      [parse, 0],
      [decode, 0],
    ]);
    for (const once of order) sums.set(once, (sums.get(once) ?? 0) + nsOf(once) / 2);
    // The first round pays for compilation.
    if (round > 0) measured.push({ parseNs: sums.get(parse) ?? Number.NaN, decodeNs: sums.get(decode) ?? Number.NaN });
  }
  return measured;
}
