import type { Ms } from "../model/index.js";
import { createLongest } from "./longest.js";
import { createPatience } from "./patience.js";
import { createTagHeap } from "./tag-heap.js";
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
  /** Neighbours in its tenant's queue or, once it runs, among the calls of its pool. */
  older: Waiting | undefined;
  newer: Waiting | undefined;
  /** Place in the heap of deadlines; -1 while it is in none. */
  place: number;
  /** It waits. */
  waits: boolean;
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
  oldest: Waiting | undefined;
  newest: Waiting | undefined;
  /** Tickets in its queue, and what they cost together. */
  live: number;
  cost: number;
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
  const active = createTagHeap<Flow>();
  const longest = createLongest<Flow>();
  const patience = createPatience<Waiting>();
  // A field that is written anew takes no new memory, unlike a variable that functions close over.
  const state = { clock: 0 };
  let order = 0;
  let size = 0;
  let cost = 0;
  let forgetAt = REMEMBERED;

  function flowOf(tenant: string): Flow {
    let flow = flows.get(tenant);
    if (flow === undefined) {
      flow = { tenant, start: 0, finish: 0, oldest: undefined, newest: undefined, live: 0, cost: 0, place: -1 };
      flows.set(tenant, flow);
      if (flows.size >= forgetAt) forgetIdle();
    }
    return flow;
  }

  /** Forgets idle flows that owe nothing. Looked for only when their number has doubled, so that it costs little on average. */
  function forgetIdle(): void {
    for (const [tenant, flow] of flows) {
      if (flow.place === -1 && flow.live === 0 && flow.finish <= state.clock) flows.delete(tenant);
    }
    forgetAt = Math.max(REMEMBERED, flows.size * 2);
  }

  function nextOf(flow: Flow, at: Ms): Waiting | undefined {
    const first = flow.oldest;
    if (first === undefined || flow.live === 1) return first;
    return at - first.since > STALE * (first.until - first.since) ? flow.newest : first;
  }

  function leave(waiting: Waiting): void {
    const { flow, older, newer } = waiting;
    waiting.waits = false;
    size--;
    cost -= waiting.cost;
    patience.remove(waiting);
    if (older === undefined) flow.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) flow.newest = older;
    else newer.older = older;
    waiting.older = undefined;
    waiting.newer = undefined;
    flow.live--;
    flow.cost -= waiting.cost;
    if (flow.live > 0) longest.moved(flow, flow.live + 1);
  }

  /** Puts the flow where its first ticket belongs; a flow without one leaves the heap. */
  function settleFirst(flow: Flow): void {
    if (flow.oldest === undefined) active.remove(flow);
    else active.moved(flow, flow.start, flow.oldest.order);
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
      return state.clock;
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
        older: flow.newest,
        newer: undefined,
        place: -1,
        waits: true,
        grantedAt: -1,
        preempted: false,
      };
      if (flow.newest === undefined) flow.oldest = waiting;
      else flow.newest.newer = waiting;
      flow.newest = waiting;
      flow.live++;
      flow.cost += charge;
      if (flow.live > 1) longest.moved(flow, flow.live - 1);
      size++;
      cost += charge;
      patience.add(waiting);
      if (flow.place === -1) {
        flow.start = Math.max(state.clock, flow.finish);
        active.push(flow, flow.start, waiting.order);
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
      state.clock = flow.start;
      flow.finish = flow.start + waiting.cost;
      flow.start = flow.finish;
      leave(waiting);
      settleFirst(flow);
      return waiting;
    },
    drop(waiting) {
      if (waiting.waits) drop(waiting);
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
      flow.finish = Math.max(state.clock, flow.finish + more);
      if (flow.place === -1) return;
      flow.start = flow.finish;
      settleFirst(flow);
    },
    tagOf(tenant) {
      const flow = flows.get(tenant);
      if (flow === undefined) return state.clock;
      return flow.place === -1 ? Math.max(state.clock, flow.finish) : flow.start + flow.cost;
    },
    waitingOf: (tenant) => flows.get(tenant)?.live ?? 0,
    newestOfLongest(than) {
      const flow = longest.peek();
      return flow === undefined || flow.live <= than ? undefined : flow.newest;
    },
    oldestWait(at) {
      let oldest = at;
      for (const flow of flows.values())
        if (flow.oldest !== undefined && flow.oldest.since < oldest) oldest = flow.oldest.since;
      return at - oldest;
    },
  };
}
