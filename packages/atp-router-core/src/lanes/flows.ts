import type { Ms } from "../model/index.js";
import { createHeap } from "./heap.js";
import { createLongest } from "./longest.js";
import { createPatience } from "./patience.js";
import type { Ticket } from "./values.js";

/** A ticket in a queue. */
export interface Waiting {
  readonly ticket: Ticket;
  /** The ticket's cost as it is charged: an integer above 0, so that nothing is free. */
  readonly cost: number;
  readonly since: Ms;
  readonly until: Ms;
  readonly order: number;
  readonly flow: Flow;
  /** Place in the heap of deadlines; -1 while it is in none. */
  place: number;
  /** It waits no more. */
  gone: boolean;
  /** When it got its slot; -1 before. */
  grantedAt: Ms;
  /** It runs, and was told to end for another one. */
  preempted: boolean;
}

/** One tenant's queue. */
export interface Flow {
  readonly tenant: string;
  /** Tag of the first ticket in its queue. */
  start: number;
  /** Tag up to which it has been served. */
  finish: number;
  queue: Waiting[];
  /** The first of `queue` that is not taken. */
  head: number;
  /** Tickets of `queue` that are still wanted, and what they cost together. */
  live: number;
  cost: number;
  /** When its first ticket came, among all tickets. */
  order: number;
  place: number;
}

/** One lane's tenants, served by the tokens they used. */
export interface Flows {
  /** Tickets that wait. */
  readonly size: number;
  /** What they cost together. */
  readonly cost: number;
  /** Tenants that wait. */
  readonly active: number;
  /** Start tag of the last ticket taken. */
  readonly clock: number;
  /** A new ticket, to be dropped at `until`. `at` never goes back. */
  add(ticket: Ticket, at: Ms, until: Ms): Waiting;
  /** The ticket that `take` would take. */
  next(at: Ms): Waiting | undefined;
  /** The next ticket; its tenant is charged. */
  take(at: Ms): Waiting | undefined;
  /** Takes a ticket out without charge. */
  drop(waiting: Waiting): void;
  /** A ticket whose time is over, taken out without charge. */
  takeExpired(at: Ms): Waiting | undefined;
  nextExpiryAt(): Ms | null;
  /** A call of the flow cost so much more (or less) than it was charged. */
  correct(flow: Flow, cost: number): void;
  /** The start tag that a new ticket of this tenant would get. */
  tagOf(tenant: string): number;
  /** How many tickets of this tenant wait. */
  waitingOf(tenant: string): number;
  /** The newest ticket of the tenant that waits with the most, when that is more than `than`. */
  newestOfLongest(than: number): Waiting | undefined;
  oldestWait(at: Ms): Ms;
}

/** Idle flows that are remembered at least, so that an overdraft is not forgotten by going away for a moment. */
const REMEMBERED = 10_000;
/** A queue this long whose tickets are mostly gone is cleaned. */
const CLEAN_FROM = 64;
/** A tenant whose first ticket has waited this share of its time is served from its newest: the old ones are as good as lost. */
const STALE = 0.8;

/** A ticket's cost as an integer above 0. */
export function chargeOf(cost: number): number {
  return cost >= 1 ? Math.min(Math.ceil(cost), 1e9) : 1;
}

/**
 * Start-time fair queueing over tenants of equal weight: the smallest start tag goes first, equals in the order in which they
 * came. The clock is the start tag of the last ticket taken; a flow that comes back starts there at the earliest.
 */
export function createFlows(): Flows {
  const flows = new Map<string, Flow>();
  const active = createHeap<Flow>((a, b) => a.start < b.start || (a.start === b.start && a.order < b.order));
  const longest = createLongest<Flow>();
  const patience = createPatience<Waiting>();
  let clock = 0;
  let order = 0;
  let size = 0;
  let cost = 0;
  let forgetAt = REMEMBERED;

  function flowOf(tenant: string): Flow {
    let flow = flows.get(tenant);
    if (flow === undefined) {
      flow = { tenant, start: 0, finish: 0, queue: [], head: 0, live: 0, cost: 0, order: 0, place: -1 };
      flows.set(tenant, flow);
      if (flows.size >= forgetAt) forgetIdle();
    }
    return flow;
  }

  /** Forgets idle flows that owe nothing. Looked for only when their number has doubled, so that it costs little on average. */
  function forgetIdle(): void {
    for (const [tenant, flow] of flows) {
      if (flow.place === -1 && flow.live === 0 && flow.finish <= clock) flows.delete(tenant);
    }
    forgetAt = Math.max(REMEMBERED, flows.size * 2);
  }

  /** Puts the flow where its first ticket that is still wanted belongs; a flow without one leaves the heap. */
  function settleFirst(flow: Flow): void {
    const { queue } = flow;
    while (flow.head < queue.length && (queue[flow.head] as Waiting).gone) flow.head++;
    if (flow.head === queue.length) {
      queue.length = 0;
      flow.head = 0;
      active.remove(flow);
      return;
    }
    flow.order = (queue[flow.head] as Waiting).order;
    active.moved(flow);
    if (queue.length > CLEAN_FROM && queue.length > flow.live * 2) {
      flow.queue = queue.filter((w) => !w.gone);
      flow.head = 0;
    }
  }

  function newestOf(flow: Flow): Waiting | undefined {
    const { queue } = flow;
    while (queue.length > flow.head && (queue[queue.length - 1] as Waiting).gone) queue.pop();
    return queue[queue.length - 1];
  }

  function nextOf(flow: Flow, at: Ms): Waiting | undefined {
    const first = flow.queue[flow.head];
    if (first === undefined || flow.live === 1) return first;
    return at - first.since > STALE * (first.until - first.since) ? newestOf(flow) : first;
  }

  function leave(waiting: Waiting): void {
    const { flow } = waiting;
    waiting.gone = true;
    size--;
    cost -= waiting.cost;
    patience.remove(waiting);
    flow.live--;
    flow.cost -= waiting.cost;
    longest.moved(flow, flow.live + 1);
  }

  function drop(waiting: Waiting): void {
    leave(waiting);
    settleFirst(waiting.flow);
  }

  return {
    get size() {
      return size;
    },
    get cost() {
      return cost;
    },
    get active() {
      return active.size;
    },
    get clock() {
      return clock;
    },
    add(ticket, at, until) {
      const flow = flowOf(ticket.tenant);
      const charge = chargeOf(ticket.cost);
      const waiting: Waiting = {
        ticket,
        cost: charge,
        since: at,
        until,
        order: order++,
        flow,
        place: -1,
        gone: false,
        grantedAt: -1,
        preempted: false,
      };
      flow.queue.push(waiting);
      flow.live++;
      flow.cost += charge;
      longest.moved(flow, flow.live - 1);
      size++;
      cost += charge;
      patience.add(waiting);
      if (flow.place === -1) {
        flow.start = Math.max(clock, flow.finish);
        flow.order = waiting.order;
        active.push(flow);
      }
      return waiting;
    },
    next(at) {
      const flow = active.peek();
      return flow === undefined ? undefined : nextOf(flow, at);
    },
    take(at) {
      const flow = active.peek();
      const waiting = flow === undefined ? undefined : nextOf(flow, at);
      if (flow === undefined || waiting === undefined) return undefined;
      clock = flow.start;
      flow.finish = flow.start + waiting.cost;
      flow.start = flow.finish;
      leave(waiting);
      settleFirst(flow);
      return waiting;
    },
    drop(waiting) {
      if (!waiting.gone) drop(waiting);
    },
    takeExpired(at) {
      const waiting = patience.peek();
      if (waiting === undefined || waiting.until > at) return undefined;
      drop(waiting);
      return waiting;
    },
    nextExpiryAt: () => patience.peek()?.until ?? null,
    correct(flow, more) {
      // What is given back never lifts a flow over those that wait now.
      flow.finish = Math.max(clock, flow.finish + more);
      if (flow.place === -1) return;
      flow.start = flow.finish;
      active.moved(flow);
    },
    tagOf(tenant) {
      const flow = flows.get(tenant);
      if (flow === undefined) return clock;
      return flow.place === -1 ? Math.max(clock, flow.finish) : flow.start + flow.cost;
    },
    waitingOf: (tenant) => flows.get(tenant)?.live ?? 0,
    newestOfLongest(than) {
      const flow = longest.peek();
      if (flow === undefined || flow.live <= than) return undefined;
      return newestOf(flow);
    },
    oldestWait(at) {
      let oldest = at;
      for (const flow of flows.values()) {
        const waiting = flow.queue[flow.head];
        if (waiting !== undefined && waiting.since < oldest) oldest = waiting.since;
      }
      return at - oldest;
    },
  };
}
