import type { Lane } from "../model/index.js";
import type { Waiting } from "./flows.js";
import { laneNames } from "./weights.js";

/** One lane over all adapters. */
export interface LaneTally {
  readonly lane: Lane;
  readonly weight: number;
  readonly reserved: number;
  start: number;
  running: number;
  granted: number;
  preempted: number;
  readonly shedBy: Record<string, number>;
}

/** What lanes got and lost over all adapters, and whose turn it is where adapters share the router's slots. */
export interface Tally {
  readonly lanes: readonly LaneTally[];
  /** A lane's start tag. One that had nothing to run for a while saved nothing up. */
  startOf(lane: Lane): number;
  granted(lane: Lane, waiting: Waiting, step: number): void;
  released(lane: Lane, waiting: Waiting, actual: number, step: number): void;
  preempted(lane: Lane): void;
  shed(lane: Lane, reason: string): void;
}

/** How far a lane may lag behind the clock before what it missed is forgotten, in grants of its own. */
const MAX_LAG_GRANTS = 2;

/** A tally at its beginning. */
export function createTally(
  weights: Readonly<Record<Lane, number>>,
  reserved: Readonly<Partial<Record<Lane, number>>>,
): Tally {
  const lanes = laneNames.map(
    (lane): LaneTally => ({
      lane,
      weight: weights[lane],
      reserved: reserved[lane] ?? 0,
      start: 0,
      running: 0,
      granted: 0,
      preempted: 0,
      shedBy: {},
    }),
  );
  const of = (lane: Lane): LaneTally => lanes[lane === "gold" ? 0 : lane === "silver" ? 1 : 2] as LaneTally;
  const shared = { clock: 0 };

  return {
    lanes,
    startOf: (lane) => of(lane).start,
    granted(lane, waiting, step) {
      const own = of(lane);
      const charge = waiting.cost * step;
      own.start = Math.max(own.start, shared.clock - MAX_LAG_GRANTS * charge);
      shared.clock = Math.max(shared.clock, own.start);
      own.start += charge;
      own.running++;
      own.granted++;
    },
    released(lane, waiting, actual, step) {
      const own = of(lane);
      own.running--;
      own.start += (actual - waiting.cost) * step;
    },
    preempted(lane) {
      of(lane).preempted++;
    },
    shed(lane, reason) {
      const { shedBy } = of(lane);
      shedBy[reason] = (shedBy[reason] ?? 0) + 1;
    },
  };
}
