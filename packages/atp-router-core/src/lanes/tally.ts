import type { Lane } from "../model/index.js";
import { laneNames } from "./weights.js";

/** One lane over all adapters. */
export interface LaneTally {
  readonly lane: Lane;
  readonly weight: number;
  readonly reserved: number;
  /** Its start tag. */
  start: number;
  running: number;
  granted: number;
  preempted: number;
  readonly shedBy: Record<string, number>;
}

/** How far a lane may lag behind the clock before what it missed is forgotten, in grants of its own. */
const MAX_LAG_GRANTS = 2;

/** What lanes got and lost over all adapters, and whose turn it is where adapters share the router's slots. */
export class Tally {
  readonly lanes: readonly LaneTally[];
  private clock = 0;

  constructor(weights: Readonly<Record<Lane, number>>, reserved: Readonly<Partial<Record<Lane, number>>>) {
    this.lanes = laneNames.map((lane) => ({
      lane,
      weight: weights[lane],
      reserved: reserved[lane] ?? 0,
      start: 0,
      running: 0,
      granted: 0,
      preempted: 0,
      shedBy: {},
    }));
  }

  of(lane: Lane): LaneTally {
    return this.lanes[lane === "gold" ? 0 : lane === "silver" ? 1 : 2] as LaneTally;
  }

  /** A call was granted. A lane that had nothing to run for a while saved nothing up. @param charge the call's cost by the lane's weight */
  granted(lane: Lane, charge: number): void {
    const own = this.of(lane);
    own.start = Math.max(own.start, this.clock - MAX_LAG_GRANTS * charge);
    this.clock = Math.max(this.clock, own.start);
    own.start += charge;
    own.running++;
    own.granted++;
  }

  /** A call ended. @param more what it cost beyond what was charged, by the lane's weight */
  released(lane: Lane, more: number): void {
    const own = this.of(lane);
    own.running--;
    own.start += more;
  }

  shed(lane: Lane, reason: string): void {
    const { shedBy } = this.of(lane);
    shedBy[reason] = (shedBy[reason] ?? 0) + 1;
  }
}
