import { createLanes } from "atp-router-core/lanes";
import type { LaneOutcome, Ticket } from "atp-router-core/lanes";
import { TimeHeap } from "./heap.js";
import { jain } from "./sweep.js";
import { guess, laneNames, lognormal, meanMs, random, slots, tenants } from "./trace.js";
import type { LaneName } from "./trace.js";

/** What a run without drops showed. */
export interface Fairness {
  /** Jain's index over a lane's tenants, all always waiting: the least fair lane's. */
  readonly jain: number;
  /** The widest service gap over its bound, of all pairs of tenants of a lane and of all pairs of lanes, over all windows. */
  readonly tenantGap: number;
  readonly laneGap: number;
}

const weights: Readonly<Record<LaneName, number>> = { gold: 8, silver: 3, bronze: 1 };

interface Job extends Ticket {
  readonly lane: LaneName;
  /** What it really costs; `cost` is what is expected of it. */
  readonly really: number;
}

/** A flow's service in cost by weight, its largest cost by weight, and whether it has waited all along. */
interface Account {
  served: number;
  largest: number;
}

/** Widest differences between two accounts over all windows: the highest less the lowest that the difference was. */
class Gaps {
  readonly #range = new Map<string, { low: number; high: number }>();

  see(a: readonly [string, Account], b: readonly [string, Account]): void {
    const name = `${a[0]}|${b[0]}`;
    const difference = a[1].served - b[1].served;
    const range = this.#range.get(name);
    if (range === undefined) this.#range.set(name, { low: Math.min(0, difference), high: Math.max(0, difference) });
    else if (difference < range.low) range.low = difference;
    else if (difference > range.high) range.high = difference;
  }

  /** The widest gap over its bound, (D + 1)(l_a / w_a + l_b / w_b): that of start-time fair queueing on D slots. */
  worst(accounts: ReadonlyMap<string, Account>): number {
    let worst = 0;
    for (const [name, { low, high }] of this.#range) {
      const [a = "", b = ""] = name.split("|");
      const bound = (slots + 1) * ((accounts.get(a)?.largest ?? 0) + (accounts.get(b)?.largest ?? 0));
      worst = Math.max(worst, (high - low) / bound);
    }
    return worst;
  }
}

/**
 * All tenants of all lanes always wait, the first of each lane with ten times as many; sizes are lognormal, what is expected of them is
 * wrong. Service counts when a call begins, by what it really costs.
 */
export function fairness(seed: number, calls: number): Fairness {
  const next = random(seed);
  const lanes = createLanes<Job>({ slots, maxQueued: 1e6, maxWaitMs: 1e12 });
  const running = new TimeHeap<Job>();
  const byTenant = new Map<string, Account>();
  const byLane = new Map<string, Account>();
  const tenantGaps = new Gaps();
  const laneGaps = new Gaps();
  let at = 0;
  let named = 0;
  let begun = 0;

  const account = (map: Map<string, Account>, name: string): Account => {
    const found = map.get(name) ?? { served: 0, largest: 0 };
    map.set(name, found);
    return found;
  };

  function submit(lane: LaneName, tenant: string): void {
    const cost = Math.max(1, Math.round(1_000 * lognormal(next)));
    const expected = guess(next, cost);
    named++;
    for (const [one, weight] of [
      [account(byTenant, tenant), 1],
      [account(byLane, lane), weights[lane]],
    ] as const)
      one.largest = Math.max(one.largest, Math.max(cost, expected) / weight);
    take(lanes.enqueue({ lane, tenant, cost: expected, really: cost, seat: -1 }, at));
  }

  function take(outcomes: readonly LaneOutcome<Job>[]): void {
    for (const outcome of outcomes) {
      const job = outcome.ticket;
      if (outcome.t === "shed")
        throw new Error(`a call of ${job.tenant} was shed for ${outcome.reason}, though nothing is to be`);
      if (outcome.t !== "granted") continue;
      begun++;
      running.push(at + (job.really * meanMs) / 1_000, job);
      account(byTenant, job.tenant).served += job.really;
      account(byLane, job.lane).served += job.really / weights[job.lane];
      // Another one of the tenant's takes its place in the queue at once.
      if (named >= START) submit(job.lane, job.tenant);
    }
  }

  for (const lane of laneNames)
    for (let t = 0; t < tenants; t++)
      for (let i = 0; i < (t === 0 ? 10 : 1) * BACKLOG; i++) submit(lane, `${lane}-${t}`);
  // From here on all of them wait.
  for (const one of [...byTenant.values(), ...byLane.values()]) one.served = 0;
  begun = 0;
  while (begun < calls) {
    at = running.peekAt();
    const job = running.pop();
    if (job === undefined) throw new Error("nothing runs");
    take(lanes.release(job, at, job.really));
    for (const lane of laneNames) {
      const own = [...byTenant].filter(([name]) => name.startsWith(lane));
      pairs(own, tenantGaps);
    }
    pairs([...byLane], laneGaps);
  }
  return {
    jain: Math.min(
      ...laneNames.map((lane) =>
        jain([...byTenant].filter(([name]) => name.startsWith(lane)).map(([, a]) => a.served)),
      ),
    ),
    tenantGap: tenantGaps.worst(byTenant),
    laneGap: laneGaps.worst(byLane),
  };
}

/** Tickets that each tenant has waiting, and how many that are together. */
const BACKLOG = 3;
const START = laneNames.length * (tenants - 1 + 10) * BACKLOG;

function pairs(accounts: readonly (readonly [string, Account])[], gaps: Gaps): void {
  for (let i = 0; i < accounts.length; i++)
    for (let j = i + 1; j < accounts.length; j++) {
      const a = accounts[i];
      const b = accounts[j];
      if (a !== undefined && b !== undefined) gaps.see(a, b);
    }
}
