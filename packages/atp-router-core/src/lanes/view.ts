import type { Lane, Ms } from "../model/index.js";
import { bookOf } from "./pool.js";
import type { Pool } from "./pool.js";
import type { Tally } from "./tally.js";
import type { LanesView, LaneState, PoolState, Ticket } from "./values.js";

/** What a view is made of. */
interface Shown<T extends Ticket> {
  readonly slots: number;
  readonly running: number;
  readonly pools: ReadonlyMap<string, Pool<T>>;
  readonly tally: Tally;
}

/** All lanes as they are now. @param waitOf what a tenant that waits with nothing would wait in a pool */
export function lanesView<T extends Ticket>(
  shown: Shown<T>,
  at: Ms,
  waitOf: (pool: Pool<T>, lane: Lane) => Ms,
): LanesView {
  const { slots, running, pools, tally } = shown;
  const state = (lane: Lane): LaneState => {
    const own = tally.lanes.find((one) => one.lane === lane);
    let queued = 0;
    let oldest = 0;
    let wait = Infinity;
    for (const pool of pools.values()) {
      const { flows } = bookOf(pool, lane);
      queued += flows.size;
      oldest = Math.max(oldest, flows.oldestWait(at));
      wait = Math.min(wait, waitOf(pool, lane));
    }
    const shedBy = { ...own?.shedBy };
    return {
      weight: own?.weight ?? 0,
      reserved: own?.reserved ?? 0,
      queued,
      running: own?.running ?? 0,
      granted: own?.granted ?? 0,
      shed: Object.values(shedBy).reduce((sum, n) => sum + n, 0),
      shed_by: shedBy,
      preempted: own?.preempted ?? 0,
      oldest_wait_ms: oldest,
      expected_wait_ms: wait === Infinity ? 0 : Math.round(wait),
    };
  };
  const poolState = (pool: Pool<T>): PoolState => ({
    limit: pool.limit,
    running: pool.running,
    queued: {
      gold: bookOf(pool, "gold").flows.size,
      silver: bookOf(pool, "silver").flows.size,
      bronze: bookOf(pool, "bronze").flows.size,
    },
  });
  return {
    slots,
    running,
    lanes: { gold: state("gold"), silver: state("silver"), bronze: state("bronze") },
    pools: Object.fromEntries(
      [...pools].filter(([adapter]) => adapter !== "").map(([adapter, pool]) => [adapter, poolState(pool)]),
    ),
  };
}
