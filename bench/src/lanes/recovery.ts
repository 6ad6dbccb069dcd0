import { meanMs, slots, trace, ttlMs } from "./trace.js";
import type { Request } from "./trace.js";
import { simulate } from "./world.js";
import type { Circumstances, Result, SchedulerMaker } from "./world.js";

/** Means over many seeds, second by second. */
export interface Course {
  /** Calls that ended in time, by when they ran: a share of the slots. */
  readonly useful: readonly number[];
  /** Of the requests that came in a second, how many were answered in time, by whichever attempt. */
  readonly success: readonly number[];
  /** The same of gold. */
  readonly gold: readonly number[];
}

const BIN_MS = meanMs;

/** The course of runs of one kind over many seeds. */
function course(
  seeds: number,
  endMs: number,
  requests: (seed: number) => readonly Request[],
  make: SchedulerMaker,
  circumstances: Circumstances = {},
): Course {
  const bins = Math.ceil(endMs / BIN_MS);
  const useful = new Array<number>(bins).fill(0);
  const came = new Array<number>(bins).fill(0);
  const answered = new Array<number>(bins).fill(0);
  const goldCame = new Array<number>(bins).fill(0);
  const goldAnswered = new Array<number>(bins).fill(0);
  const add = (bin: number[], at: number, n: number): void => {
    const i = Math.floor(at / BIN_MS);
    if (i < bins) bin[i] = (bin[i] ?? 0) + n;
  };
  const see = ({ request, latencyMs, startedAt, endedAt }: Result): void => {
    const isGold = request.lane === "gold";
    add(came, request.at, 1);
    if (isGold) add(goldCame, request.at, 1);
    if (latencyMs === Infinity) return;
    add(answered, request.at, 1);
    if (isGold) add(goldAnswered, request.at, 1);
    // Where calls share places, each gets less done in its time.
    const work = request.serviceMs / (endedAt - startedAt);
    for (let at = startedAt; at < endedAt; ) {
      const next = Math.min(endedAt, (Math.floor(at / BIN_MS) + 1) * BIN_MS);
      add(useful, at, (work * (next - at)) / (BIN_MS * slots * seeds));
      at = next;
    }
  };
  for (let seed = 1; seed <= seeds; seed++)
    for (const result of simulate(requests(seed), make, { ...circumstances, seed }).results) see(result);
  const share = (part: readonly number[], all: readonly number[]): number[] =>
    part.map((n, i) => n / Math.max(1, all[i] ?? 0));
  return { useful, success: share(answered, came), gold: share(goldAnswered, goldCame) };
}

/** When the load goes up, and until when it is looked at. */
export const stepAt = 60 * BIN_MS;
const stepEnd = 160 * BIN_MS;

/** From half of what the slots can do to three times as much, at once. */
export function afterStep(make: SchedulerMaker, seeds: number): Course {
  return course(seeds, stepEnd, (seed) => trace(seed, stepEnd, (at) => (at < stepAt ? 0.5 : 3), 3), make);
}

/** When the adapter slows down, and when it is fast again. */
export const slowAt = 60 * BIN_MS;
export const fastAt = 100 * BIN_MS;
const slowEnd = 240 * BIN_MS;

/** An adapter that is four times slower for a while, at a load of 0.8, with clients that try three times more. */
export function afterSlowdown(make: SchedulerMaker, seeds: number): Course {
  return course(seeds, slowEnd, (seed) => trace(seed, slowEnd, () => 0.8, 0.8), make, {
    slowness: (at) => (at >= slowAt && at < fastAt ? 4 : 1),
    changes: [slowAt, fastAt],
    retries: 3,
  });
}

/**
 * How long after a time the values need to reach a level and stay there, in mean calls; Infinity when they never do. The last
 * deadline's length is not looked at: what came then had no time to end.
 */
export function recovery(values: readonly number[], from: number, level: number): number {
  const first = from / BIN_MS;
  const last = values.length - ttlMs / BIN_MS;
  let bad = first;
  for (let i = first; i < last; i++) if ((values[i] ?? 0) < level) bad = i + 1;
  return bad >= last ? Infinity : bad - first;
}

/** Mean of values from one time to another. */
export function meanOf(values: readonly number[], from: number, to: number): number {
  const part = values.slice(from / BIN_MS, to / BIN_MS);
  return part.reduce((a, b) => a + b, 0) / part.length;
}
