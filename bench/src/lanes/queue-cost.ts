import { createLanes } from "atp-router-core/lanes";
import type { Lanes, Ticket } from "atp-router-core/lanes";
import { guess, laneNames, lognormal, random } from "./trace.js";
import type { LaneName } from "./trace.js";

/** A queue that is kept at a length: each step one ticket comes and one call ends, so that one goes in and one goes out. */
interface Kept {
  step(i: number): void;
}

/** Lanes that are kept full, and what is to come next: it is drawn before it is measured. */
interface KeptLanes extends Kept {
  prepare(steps: number): void;
}

/**
 * Lanes with so many tickets waiting, most of a tenant of its own: the heaps are as deep as they get. A ticket is made where it is pushed, as
 * a router makes it, and that is measured too.
 * @param queued over three lanes
 */
function lanesWith(queued: number): KeptLanes {
  const next = random(queued);
  const lanes: Lanes = createLanes({ slots: 1, maxQueued: 4 * queued, maxWaitMs: 1e12 });
  // A tenant's name is the same text each time, as it is in a router: it comes with the principal of a connection. Its account was asked for
  // when the request came to the door, which is not measured: a router's gate does that before it has a ticket.
  const tenants = Array.from({ length: queued }, (_, i) => `tenant-${i}`);
  const drawn = { lanes: [] as LaneName[], tenants: [] as string[], accounts: [] as number[], costs: [] as number[] };
  let taken = 0;
  let running: Ticket | undefined;
  let at = 0;
  const prepare = (steps: number): void => {
    taken = 0;
    for (let i = 0; i < steps; i++) {
      drawn.lanes[i] = laneNames[Math.floor(next() * 3)] ?? "silver";
      const tenant = tenants[Math.floor(next() * queued)] ?? "";
      drawn.tenants[i] = tenant;
      drawn.accounts[i] = lanes.accountOf(tenant);
      drawn.costs[i] = guess(next, Math.ceil(1_000 * lognormal(next)));
    }
  };
  const take = (outcomes: ReturnType<Lanes["enqueue"]>): void => {
    for (const outcome of outcomes) if (outcome.t === "granted") running = outcome.ticket;
  };
  const push = (): void => {
    const i = taken++;
    const lane = drawn.lanes[i] as LaneName;
    const tenant = drawn.tenants[i] as string;
    const account = drawn.accounts[i] as number;
    take(lanes.enqueue({ lane, tenant, account, cost: drawn.costs[i] as number, seat: -1 }, ++at));
  };
  prepare(queued + 1);
  for (let i = 0; i <= queued; i++) push();
  return {
    prepare,
    step() {
      push();
      if (running !== undefined) take(lanes.release(running, at));
    },
  };
}

/** A plain queue of the same tickets: what nobody can do without. */
function arrayWith(queued: number): Kept {
  const queue: { id: string; cost: number }[] = [];
  let head = 0;
  for (let i = 0; i < queued; i++) queue.push({ id: `${i}`, cost: i });
  let kept = 0;
  return {
    step(i) {
      queue.push({ id: `${i}`, cost: i });
      kept += queue[head++]?.cost ?? 0;
      if (head > queued) {
        queue.splice(0, head);
        head = 0;
      }
      if (kept < 0) throw new Error("the queue lost its costs");
    },
  };
}

/** CPU of one push and one pop in each round, in microseconds. */
export interface QueueCosts {
  readonly at100: readonly number[];
  readonly at10k: readonly number[];
  readonly array: readonly number[];
}

/** For each length in turn within a round; the first round is dropped. */
export function queueCosts(rounds: number): QueueCosts {
  const costs = { at100: [] as number[], at10k: [] as number[], array: [] as number[] };
  const variants = { at100: lanesWith(100), at10k: lanesWith(10_000), array: arrayWith(10_000) };
  const steps = 50_000;
  const done = { at100: 0, at10k: 0, array: 0 };
  for (let round = 0; round <= rounds; round++) {
    for (const name of ["at100", "at10k", "array"] as const) {
      const variant = variants[name];
      if ("prepare" in variant) variant.prepare(steps);
      const before = process.cpuUsage();
      for (let i = 0; i < steps; i++) variant.step(done[name]++);
      const used = process.cpuUsage(before);
      if (round > 0) costs[name].push((used.user + used.system) / steps);
    }
  }
  return costs;
}
