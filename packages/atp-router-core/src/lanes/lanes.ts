import type { Lane, Ms } from "../model/index.js";
import { chargeOf, createFlows } from "./flows.js";
import type { Flows, Waiting } from "./flows.js";
import { defaultWeights, laneNames, stepsOf } from "./weights.js";

/** How a router's slots are shared out. */
export interface LanesConfig {
  /** Calls that run at once. */
  readonly slots: number;
  /** Slots that only this lane may take. One slot is left to the others, whatever is reserved. @default gold 1 when there are more slots than one */
  readonly reserved?: Partial<Record<Lane, number>>;
  /** @default gold 8, silver 3, bronze 1 */
  readonly weights?: Readonly<Record<Lane, number>>;
  /** Tickets a lane may queue. @default 1000 */
  readonly maxQueued?: number;
  /** How long a ticket may wait. @default 30000 */
  readonly maxWaitMs?: number;
}

/** A call that wants a slot. */
export interface Ticket {
  readonly id: string;
  readonly lane: Lane;
  readonly tenant: string;
  /** Expected tokens: what its tenant is charged, corrected when it ends. */
  readonly cost: number;
  readonly deadlineAt?: Ms;
}

/** What became of a ticket. */
export type LaneOutcome =
  | { readonly t: "granted"; readonly id: string; readonly waitedMs: Ms }
  | {
      readonly t: "shed";
      readonly id: string;
      readonly reason: "queue_full" | "deadline" | "timeout";
      readonly retryAfterMs: Ms;
    };

/** One lane as it is now. */
export interface LaneState {
  readonly weight: number;
  readonly queued: number;
  readonly running: number;
  /** Since the router started. */
  readonly granted: number;
  readonly shed: number;
  readonly oldest_wait_ms: Ms;
}

/** All lanes as they are now. */
export interface LanesView {
  readonly slots: number;
  readonly running: number;
  readonly lanes: Readonly<Record<Lane, LaneState>>;
}

/** Lanes in front of a number of slots. Plain state behind synchronous operations; each tells what it granted or shed. */
export interface Lanes {
  /** A ticket wants a slot. One whose id is in use already is not taken again. */
  enqueue(ticket: Ticket, at: Ms): readonly LaneOutcome[];
  /** A granted ticket's call ended. @param actualCost what it really cost, in the unit of `cost`; absent: as expected */
  release(id: string, at: Ms, actualCost?: number): readonly LaneOutcome[];
  /** A ticket that still waits is not wanted any more; it is charged nothing. */
  cancel(id: string, at: Ms): readonly LaneOutcome[];
  /** Sheds tickets whose time is over. */
  expire(at: Ms): readonly LaneOutcome[];
  /** When `expire` has something to shed, unless more comes; null with empty queues. */
  nextExpiryAt(): Ms | null;
  view(at: Ms): LanesView;
}

interface Book {
  readonly lane: Lane;
  readonly flows: Flows;
  readonly weight: number;
  /** What one token adds to its tags. */
  readonly step: number;
  readonly reserved: number;
  start: number;
  finish: number;
  running: number;
  granted: number;
  shed: number;
  /** How long the last granted ticket waited. */
  lastWaitMs: Ms;
}

/** A client that was shed comes back no sooner. */
const MIN_RETRY_MS = 1_000;

/**
 * Two levels of start-time fair queueing (Goyal, Vin, Cheng, 1996): lanes by weight, then tenants by tokens. A flow is charged
 * when its ticket is granted, never when it is dropped, and corrected by what the call really cost; a flow that comes back
 * starts at the clock of its level, so that nobody saves up.
 *
 * @throws RangeError when a weight is not above 0.
 */
export function createLanes(config: LanesConfig): Lanes {
  const { slots } = config;
  const weights = config.weights ?? defaultWeights;
  const steps = stepsOf(weights);
  const maxQueued = config.maxQueued ?? 1_000;
  const maxWaitMs = config.maxWaitMs ?? 30_000;
  const reserved = config.reserved ?? { gold: slots > 1 ? 1 : 0 };
  const books = laneNames.map(
    (lane): Book => ({
      lane,
      flows: createFlows(),
      weight: weights[lane],
      step: steps[lane],
      reserved: reserved[lane] ?? 0,
      start: 0,
      finish: 0,
      running: 0,
      granted: 0,
      shed: 0,
      lastWaitMs: 0,
    }),
  );
  const tickets = new Map<string, Waiting>();
  let clock = 0;
  let running = 0;

  function bookOf(lane: Lane): Book {
    return books[laneNames.indexOf(lane)] as Book;
  }

  /** Slots that other lanes have kept for themselves and do not use. */
  function keptFrom(book: Book): number {
    let kept = 0;
    for (const other of books) if (other !== book) kept += Math.max(0, other.reserved - other.running);
    return Math.min(kept, slots - 1);
  }

  function nextBook(): Book | undefined {
    let best: Book | undefined;
    for (const book of books) {
      if (book.flows.size === 0 || running + keptFrom(book) >= slots) continue;
      if (best === undefined || book.start < best.start) best = book;
    }
    return best;
  }

  function dispatch(at: Ms, out: LaneOutcome[]): void {
    while (running < slots) {
      const book = nextBook();
      if (book === undefined) return;
      // Nothing starts after its time, though nobody has looked since.
      if (expireIn(book, at, out)) continue;
      const waiting = book.flows.take();
      if (waiting === undefined) return;
      clock = Math.max(clock, book.start);
      book.finish = book.start + waiting.cost * book.step;
      book.start = book.finish;
      book.running++;
      book.granted++;
      book.lastWaitMs = at - waiting.since;
      running++;
      waiting.granted = true;
      out.push({ t: "granted", id: waiting.ticket.id, waitedMs: book.lastWaitMs });
    }
  }

  function shed(
    book: Book,
    id: string,
    reason: Extract<LaneOutcome, { t: "shed" }>["reason"],
    out: LaneOutcome[],
  ): void {
    book.shed++;
    const retryAfterMs = Math.min(maxWaitMs, Math.max(MIN_RETRY_MS, book.lastWaitMs));
    out.push({ t: "shed", id, reason, retryAfterMs });
  }

  function expireIn(book: Book, at: Ms, out: LaneOutcome[]): boolean {
    let any = false;
    for (let late = book.flows.takeExpired(at); late !== undefined; late = book.flows.takeExpired(at)) {
      const { ticket } = late;
      tickets.delete(ticket.id);
      book.lastWaitMs = at - late.since;
      shed(book, ticket.id, (ticket.deadlineAt ?? Infinity) <= at ? "deadline" : "timeout", out);
      any = true;
    }
    return any;
  }

  return {
    enqueue(ticket, at) {
      const out: LaneOutcome[] = [];
      const book = bookOf(ticket.lane);
      if (tickets.has(ticket.id)) return out;
      if ((ticket.deadlineAt ?? Infinity) <= at) {
        shed(book, ticket.id, "deadline", out);
        return out;
      }
      if (book.flows.size >= maxQueued && !expireIn(book, at, out)) {
        shed(book, ticket.id, "queue_full", out);
        return out;
      }
      if (book.flows.size === 0) book.start = Math.max(clock, book.finish);
      tickets.set(ticket.id, book.flows.add(ticket, at, maxWaitMs));
      dispatch(at, out);
      return out;
    },
    release(id, at, actualCost) {
      const out: LaneOutcome[] = [];
      const waiting = tickets.get(id);
      if (waiting === undefined || !waiting.granted) return out;
      tickets.delete(id);
      running--;
      const book = bookOf(waiting.ticket.lane);
      book.running--;
      const correction = actualCost === undefined ? 0 : chargeOf(actualCost) - waiting.cost;
      if (correction !== 0) {
        book.flows.correct(waiting.flow, correction);
        book.finish = Math.max(clock, book.finish + correction * book.step);
        if (book.flows.size > 0) book.start = book.finish;
      }
      dispatch(at, out);
      return out;
    },
    cancel(id, at) {
      const out: LaneOutcome[] = [];
      const waiting = tickets.get(id);
      if (waiting === undefined || waiting.granted) return out;
      tickets.delete(id);
      bookOf(waiting.ticket.lane).flows.drop(waiting);
      dispatch(at, out);
      return out;
    },
    expire(at) {
      const out: LaneOutcome[] = [];
      for (const book of books) expireIn(book, at, out);
      dispatch(at, out);
      return out;
    },
    nextExpiryAt() {
      let next = Infinity;
      for (const { flows } of books) next = Math.min(next, flows.nextExpiryAt() ?? Infinity);
      return next === Infinity ? null : next;
    },
    view(at) {
      const state = (lane: Lane): LaneState => {
        const book = bookOf(lane);
        return {
          weight: book.weight,
          queued: book.flows.size,
          running: book.running,
          granted: book.granted,
          shed: book.shed,
          oldest_wait_ms: book.flows.oldestWait(at),
        };
      };
      return { slots, running, lanes: { gold: state("gold"), silver: state("silver"), bronze: state("bronze") } };
    },
  };
}
