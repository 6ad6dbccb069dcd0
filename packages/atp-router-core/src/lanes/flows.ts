import type { Ms } from "../model/index.js";
import { createHeap } from "./heap.js";
import type { Ticket } from "./lanes.js";

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
  /** It has its slot. */
  granted: boolean;
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
  /** Tickets of `queue` that are still wanted. */
  live: number;
  /** When its first ticket came, among all tickets. */
  order: number;
  place: number;
}

/** One lane's tenants, served by the tokens they used. */
export interface Flows {
  /** Tickets that wait. */
  readonly size: number;
  /** A new ticket, to be dropped after its deadline or `maxWaitMs`. `at` never goes back. */
  add(ticket: Ticket, at: Ms, maxWaitMs: Ms): Waiting;
  /** The next ticket; its tenant is charged. */
  take(): Waiting | undefined;
  /** Takes a ticket out without charge. */
  drop(waiting: Waiting): void;
  /** A ticket whose time is over, taken out without charge. */
  takeExpired(at: Ms): Waiting | undefined;
  nextExpiryAt(): Ms | null;
  /** A call of the flow cost so much more (or less) than it was charged. */
  correct(flow: Flow, tokens: number): void;
  oldestWait(at: Ms): Ms;
}

/** Idle flows that are remembered at least, so that an overdraft is not forgotten by going away for a moment. */
const REMEMBERED = 10_000;
/** A queue this long whose tickets are mostly gone is cleaned. */
const CLEAN_FROM = 64;

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
  /** Tickets whose own deadline comes before their patience ends. */
  const deadlines = createHeap<Waiting>((a, b) => a.until < b.until || (a.until === b.until && a.order < b.order));
  /** All others: patience is the same for all, so they end in the order in which they came. */
  const patience = createFifo();
  let clock = 0;
  let order = 0;
  let size = 0;
  let forgetAt = REMEMBERED;

  function flowOf(tenant: string): Flow {
    let flow = flows.get(tenant);
    if (flow === undefined) {
      flow = { tenant, start: 0, finish: 0, queue: [], head: 0, live: 0, order: 0, place: -1 };
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

  /** The flow's first ticket that is still wanted; a flow without one leaves the heap. */
  function settleFirst(flow: Flow): void {
    while (flow.queue[flow.head]?.gone === true) flow.head++;
    const waiting = flow.queue[flow.head];
    if (waiting === undefined) {
      flow.queue = [];
      flow.head = 0;
      active.remove(flow);
      return;
    }
    flow.order = waiting.order;
    active.moved(flow);
    if (flow.queue.length > CLEAN_FROM && flow.queue.length > flow.live * 2) {
      flow.queue = flow.queue.filter((w) => !w.gone);
      flow.head = 0;
    }
  }

  function leave(waiting: Waiting): void {
    waiting.gone = true;
    size--;
    if (waiting.place >= 0) deadlines.remove(waiting);
    else patience.left();
    waiting.flow.live--;
  }

  function drop(waiting: Waiting): void {
    leave(waiting);
    settleFirst(waiting.flow);
  }

  /** The ticket whose time is over first. */
  function nextToExpire(): Waiting | undefined {
    const a = deadlines.peek();
    const b = patience.peek();
    return a === undefined || (b !== undefined && b.until < a.until) ? b : a;
  }

  return {
    get size() {
      return size;
    },
    add(ticket, at, maxWaitMs) {
      const flow = flowOf(ticket.tenant);
      const until = Math.min(at + maxWaitMs, ticket.deadlineAt ?? Infinity);
      const waiting: Waiting = {
        ticket,
        cost: chargeOf(ticket.cost),
        since: at,
        until,
        order: order++,
        flow,
        place: -1,
        gone: false,
        granted: false,
      };
      flow.queue.push(waiting);
      flow.live++;
      size++;
      if (until < at + maxWaitMs) deadlines.push(waiting);
      else patience.push(waiting);
      if (flow.place === -1) {
        flow.start = Math.max(clock, flow.finish);
        flow.order = waiting.order;
        active.push(flow);
      }
      return waiting;
    },
    take() {
      const flow = active.peek();
      const waiting = flow?.queue[flow.head];
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
      const waiting = nextToExpire();
      if (waiting === undefined || waiting.until > at) return undefined;
      drop(waiting);
      return waiting;
    },
    nextExpiryAt: () => nextToExpire()?.until ?? null,
    correct(flow, tokens) {
      // What is given back never lifts a flow over those that wait now.
      flow.finish = Math.max(clock, flow.finish + tokens);
      if (flow.place === -1) return;
      flow.start = flow.finish;
      active.moved(flow);
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

/** Tickets in the order in which they came; those that are gone are passed over, and cleaned away when they are most. */
function createFifo(): { push(w: Waiting): void; peek(): Waiting | undefined; left(): void } {
  let items: Waiting[] = [];
  let head = 0;
  let live = 0;
  return {
    push(waiting) {
      items.push(waiting);
      live++;
    },
    peek() {
      while (items[head]?.gone === true) head++;
      return items[head];
    },
    left() {
      live--;
      if (items.length <= CLEAN_FROM || items.length <= live * 2) return;
      items = items.filter((waiting) => !waiting.gone);
      head = 0;
    },
  };
}
