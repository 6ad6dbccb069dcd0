import { createGate, createLanes } from "atp-router-core/lanes";
import type { LaneOutcome, Ticket } from "atp-router-core/lanes";
import { laneNames, meanMs, slots, tenants, ttlMs } from "./trace.js";
import type { LaneName } from "./trace.js";
import type { Attempt, Hands, Scheduler, SchedulerMaker } from "./world.js";

interface AttemptTicket extends Ticket {
  readonly attempt: Attempt;
}

/** The product: its gate and its lanes, as the router has them. */
export function ours(hands: Hands): Scheduler {
  const lanes = createLanes<AttemptTicket>({ slots });
  const gate = createGate(lanes, 1);
  const tickets = new Map<string, AttemptTicket>();

  function tell(outcomes: readonly LaneOutcome<AttemptTicket>[]): void {
    for (const outcome of outcomes) {
      const { attempt } = outcome.ticket;
      if (!tickets.has(attempt.id)) throw new Error(`an outcome for ${attempt.id}, which is not there`);
      if (outcome.t === "granted") hands.start(attempt);
      else if (outcome.t === "preempted") hands.cut(attempt);
      else {
        tickets.delete(attempt.id);
        hands.refuse(attempt, outcome.retryAfterMs);
      }
    }
  }

  return {
    came(attempt, at) {
      const { lane, tenant, expected: cost } = attempt.request;
      const refusal = gate.refusal({ lane, tenant, ttlMs }, at);
      if (refusal !== undefined) {
        hands.refuse(attempt, refusal.retryAfterMs);
        return;
      }
      const account = gate.entered(lane, tenant);
      const ticket: AttemptTicket = { attempt, lane, tenant, account, cost, deadlineAt: attempt.at + ttlMs, seat: -1 };
      tickets.set(attempt.id, ticket);
      gate.arrived(lane, account);
      tell(lanes.enqueue(ticket, at));
    },
    done(attempt, at, cost) {
      const ticket = tickets.get(attempt.id);
      if (ticket === undefined) return;
      tickets.delete(attempt.id);
      tell(lanes.release(ticket, at, cost));
    },
    wakeAt: () => lanes.nextExpiryAt() ?? Infinity,
    wake: (at) => tell(lanes.expire(at)),
  };
}

/** Calls in the order in which they came, whoever sends them. */
export function fifo(hands: Hands): Scheduler {
  const queue: Attempt[] = [];
  let head = 0;
  let running = 0;
  const fill = (): void => {
    for (; running < slots && head < queue.length; head++) {
      running++;
      hands.start(queue[head] as Attempt);
    }
  };
  return {
    came(attempt) {
      queue.push(attempt);
      fill();
    },
    done() {
      running--;
      fill();
    },
    wakeAt: () => Infinity,
    wake: () => undefined,
  };
}

/** A burst that a tenant may send at once, in seconds of its rate. */
const BURST_S = 10;

/** FIFO behind a limit of requests by tenant: each may send its equal part of what the slots can do. */
export function limitedFifo(hands: Hands): Scheduler {
  const inner = fifo(hands);
  const perMs = slots / meanMs / (tenants * laneNames.length);
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    ...inner,
    came(attempt, at) {
      const full = Math.max(1, perMs * BURST_S * 1_000);
      const bucket = buckets.get(attempt.request.tenant) ?? { tokens: full, at };
      bucket.tokens = Math.min(full, bucket.tokens + (at - bucket.at) * perMs);
      bucket.at = at;
      buckets.set(attempt.request.tenant, bucket);
      if (bucket.tokens < 1) {
        hands.refuse(attempt, (1 - bucket.tokens) / perMs);
        return;
      }
      bucket.tokens--;
      inner.came(attempt, at);
    },
  };
}

/** Gold before silver before bronze, each in the order in which it came. */
export function strictPriority(hands: Hands): Scheduler {
  const queues: Readonly<Record<LaneName, { items: Attempt[]; head: number }>> = {
    gold: { items: [], head: 0 },
    silver: { items: [], head: 0 },
    bronze: { items: [], head: 0 },
  };
  let running = 0;
  const fill = (): void => {
    while (running < slots) {
      const lane = laneNames.find((name) => queues[name].head < queues[name].items.length);
      if (lane === undefined) return;
      const queue = queues[lane];
      running++;
      hands.start(queue.items[queue.head++] as Attempt);
    }
  };
  return {
    came(attempt) {
      queues[attempt.request.lane].items.push(attempt);
      fill();
    },
    done() {
      running--;
      fill();
    },
    wakeAt: () => Infinity,
    wake: () => undefined,
  };
}

/** Each call goes to the adapter at once. */
export function noControl(hands: Hands): Scheduler {
  return {
    came: (attempt) => hands.start(attempt),
    done: () => undefined,
    wakeAt: () => Infinity,
    wake: () => undefined,
  };
}

/** By the names that figures use. */
export const schedulers: Readonly<Record<string, SchedulerMaker>> = {
  ours,
  fifo,
  "fifo+limit": limitedFifo,
  strict: strictPriority,
  none: noControl,
};
