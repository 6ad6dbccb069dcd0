import { createLanes } from "atp-router-core/lanes";
import type { Lanes, Ticket } from "atp-router-core/lanes";
import { guess, laneNames, lognormal, random } from "./trace.js";

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
  // A tenant's name is the same text each time, as it is in a router: it comes with the principal of a connection.
  const tenants = Array.from({ length: queued }, (_, i) => `tenant-${i}`);
  let drawn = { lane: new Uint8Array(0), tenant: new Int32Array(0), cost: new Float64Array(0) };
  let taken = 0;
  let running: Ticket | undefined;
  let at = 0;
  const prepare = (steps: number): void => {
    taken = 0;
    drawn = { lane: new Uint8Array(steps), tenant: new Int32Array(steps), cost: new Float64Array(steps) };
    for (let i = 0; i < steps; i++) {
      drawn.lane[i] = Math.floor(next() * 3);
      drawn.tenant[i] = Math.floor(next() * queued);
      drawn.cost[i] = guess(next, Math.ceil(1_000 * lognormal(next)));
    }
  };
  const take = (outcomes: ReturnType<Lanes["enqueue"]>): void => {
    for (const outcome of outcomes) if (outcome.t === "granted") running = outcome.ticket;
  };
  const push = (): void => {
    const i = taken++;
    const lane = laneNames[drawn.lane[i] as number] ?? "silver";
    const tenant = tenants[drawn.tenant[i] as number] ?? "";
    take(lanes.enqueue({ lane, tenant, cost: drawn.cost[i] as number, seat: -1 }, ++at));
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

/** CPU of one push and one pop, in microseconds, for each length in turn within a round; the first round is dropped. */
export function queueCosts(rounds: number): {
  readonly at100: number[];
  readonly at10k: number[];
  readonly array: number[];
} {
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
