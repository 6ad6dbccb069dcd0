import type { Ms } from "../model/index.js";
import { createHeap } from "./heap.js";
import type { Ticket } from "./lanes.js";

/** A ticket in a queue. */
export interface Waiting {
  readonly ticket: Ticket;
  readonly since: Ms;
  readonly until: Ms;
  readonly order: number;
  /** Place in the heap of deadlines. */
  place: number;
  gone: boolean;
}

interface Flow {
  readonly tenant: string;
  start: number;
  finish: number;
  queue: Waiting[];
  /** The first of `queue` that is not taken. */
  head: number;
  readonly order: number;
  place: number;
}

/** One lane's tenants, served by the tokens they used. */
export interface Flows {
  /** Tickets that wait. */
  readonly size: number;
  add(ticket: Ticket, at: Ms, until: Ms): Waiting;
  /** The next ticket; its tenant is charged. */
  take(): Waiting | undefined;
  /** Takes a ticket out without charge. */
  drop(waiting: Waiting): void;
  /** A ticket whose time is over, taken out without charge. */
  takeExpired(at: Ms): Waiting | undefined;
  /** A call of the tenant cost so much more (or less) than it was charged. */
  correct(tenant: string, tokens: number): void;
  oldestWait(at: Ms): Ms;
}

/** Idle flows that are remembered, so that an overdraft is not forgotten by going away for a moment. */
const REMEMBERED = 10_000;

/** Start-time fair queueing over tenants of equal weight. */
export function createFlows(): Flows {
  const flows = new Map<string, Flow>();
  const active = createHeap<Flow>((a, b) => a.start < b.start || (a.start === b.start && a.order < b.order));
  const deadlines = createHeap<Waiting>((a, b) => a.until < b.until || (a.until === b.until && a.order < b.order));
  let clock = 0;
  let order = 0;
  let size = 0;

  function flowOf(tenant: string): Flow {
    let flow = flows.get(tenant);
    if (flow === undefined) {
      flow = { tenant, start: 0, finish: 0, queue: [], head: 0, order: order++, place: -1 };
      flows.set(tenant, flow);
      if (flows.size > REMEMBERED) forgetIdle();
    }
    return flow;
  }

  function forgetIdle(): void {
    for (const [tenant, flow] of flows) {
      if (flow.place === -1 && flow.finish <= clock) flows.delete(tenant);
    }
  }

  /** The flow's first ticket that is still wanted; a flow without one leaves the heap. */
  function first(flow: Flow): Waiting | undefined {
    while (flow.queue[flow.head]?.gone === true) flow.head++;
    const waiting = flow.queue[flow.head];
    if (waiting === undefined) {
      flow.queue = [];
      flow.head = 0;
      active.remove(flow);
    } else if (flow.head > 64 && flow.head * 2 > flow.queue.length) {
      flow.queue = flow.queue.slice(flow.head);
      flow.head = 0;
    }
    return waiting;
  }

  function leave(waiting: Waiting): void {
    waiting.gone = true;
    size--;
    deadlines.remove(waiting);
  }

  return {
    get size() {
      return size;
    },
    add(ticket, at, until) {
      const flow = flowOf(ticket.tenant);
      const waiting: Waiting = { ticket, since: at, until, order: order++, place: -1, gone: false };
      flow.queue.push(waiting);
      size++;
      deadlines.push(waiting);
      if (flow.place === -1) {
        flow.start = Math.max(clock, flow.finish);
        active.push(flow);
      }
      return waiting;
    },
    take() {
      for (let flow = active.peek(); flow !== undefined; flow = active.peek()) {
        const waiting = first(flow);
        if (waiting === undefined) continue;
        flow.head++;
        leave(waiting);
        clock = flow.start;
        flow.finish = flow.start + waiting.ticket.cost;
        flow.start = flow.finish;
        if (first(flow) !== undefined) active.moved(flow);
        return waiting;
      }
      return undefined;
    },
    drop(waiting) {
      if (waiting.gone) return;
      leave(waiting);
      const flow = flows.get(waiting.ticket.tenant);
      if (flow !== undefined) first(flow);
    },
    takeExpired(at) {
      const waiting = deadlines.peek();
      if (waiting === undefined || waiting.until > at) return undefined;
      leave(waiting);
      const flow = flows.get(waiting.ticket.tenant);
      if (flow !== undefined) first(flow);
      return waiting;
    },
    correct(tenant, tokens) {
      const flow = flows.get(tenant);
      if (flow === undefined) return;
      flow.finish = Math.max(clock, flow.finish + tokens);
      if (flow.place === -1) return;
      flow.start = Math.max(clock, flow.start + tokens);
      active.moved(flow);
    },
    oldestWait(at) {
      let oldest = at;
      for (const flow of flows.values()) {
        const waiting = first(flow);
        if (waiting !== undefined && waiting.since < oldest) oldest = waiting.since;
      }
      return at - oldest;
    },
  };
}
