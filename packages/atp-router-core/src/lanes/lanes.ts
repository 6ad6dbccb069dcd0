import type { Lane, Ms } from "../model/index.js";
import { createFlows } from "./flows.js";
import type { Flows, Waiting } from "./flows.js";

const laneNames: readonly Lane[] = ["gold", "silver", "bronze"];

/** How a router's slots are shared out. */
export interface LanesConfig {
  /** Calls that run at once. */
  readonly slots: number;
  /** Slots that only this lane may take. @default none */
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
  enqueue(ticket: Ticket, at: Ms): readonly LaneOutcome[];
  /** A granted ticket's call ended, at this cost. */
  release(id: string, at: Ms, actualCost: number): readonly LaneOutcome[];
  /** A ticket that still waits is not wanted any more; it is charged nothing. */
  cancel(id: string, at: Ms): readonly LaneOutcome[];
  /** Sheds tickets whose time is over. */
  expire(at: Ms): readonly LaneOutcome[];
  view(at: Ms): LanesView;
}

interface LaneBook {
  readonly flows: Flows;
  running: number;
  granted: number;
  shed: number;
}

/**
 * Two levels of start-time fair queueing (Goyal et al., 1996): lanes by weight, then tenants by tokens. A flow is charged when
 * its ticket is granted, never when it is dropped, and corrected by what the call really cost; a flow that comes back
 * starts at the clock of its level, so that nobody saves up.
 */
export function createLanes(config: LanesConfig): Lanes {
  const weights = config.weights ?? { gold: 8, silver: 3, bronze: 1 };
  const maxQueued = config.maxQueued ?? 1_000;
  const maxWaitMs = config.maxWaitMs ?? 30_000;
  const reserved = config.reserved ?? {};
  const books = new Map<Lane, LaneBook>(
    laneNames.map((lane) => [lane, { flows: createFlows(), running: 0, granted: 0, shed: 0 }]),
  );
  /** The upper level: one flow a lane, each with its start and finish tag. */
  const tags = new Map<Lane, { start: number; finish: number }>(
    laneNames.map((lane) => [lane, { start: 0, finish: 0 }]),
  );
  const tickets = new Map<string, { readonly waiting: Waiting; readonly lane: Lane; granted: boolean }>();
  let clock = 0;
  let running = 0;

  const book = (lane: Lane): LaneBook => books.get(lane) as LaneBook;
  const tag = (lane: Lane): { start: number; finish: number } => tags.get(lane) as { start: number; finish: number };

  /** Slots that other lanes have kept for themselves and do not use. */
  function keptFor(lane: Lane): number {
    let kept = 0;
    for (const other of laneNames) {
      if (other !== lane) kept += Math.max(0, (reserved[other] ?? 0) - book(other).running);
    }
    return kept;
  }

  function nextLane(): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of laneNames) {
      if (book(lane).flows.size === 0 || running + keptFor(lane) >= config.slots) continue;
      if (best === undefined || tag(lane).start < tag(best).start) best = lane;
    }
    return best;
  }

  function dispatch(at: Ms, out: LaneOutcome[]): void {
    for (let lane = nextLane(); lane !== undefined; lane = nextLane()) {
      const { flows } = book(lane);
      const waiting = flows.take();
      if (waiting === undefined) return;
      const { ticket } = waiting;
      const t = tag(lane);
      clock = t.start;
      t.finish = t.start + ticket.cost / weights[lane];
      t.start = t.finish;
      const entry = tickets.get(ticket.id);
      if (entry !== undefined) entry.granted = true;
      book(lane).running++;
      book(lane).granted++;
      running++;
      out.push({ t: "granted", id: ticket.id, waitedMs: at - waiting.since });
    }
  }

  function shed(
    id: string,
    lane: Lane,
    reason: Extract<LaneOutcome, { t: "shed" }>["reason"],
    at: Ms,
    out: LaneOutcome[],
  ): void {
    book(lane).shed++;
    out.push({ t: "shed", id, reason, retryAfterMs: retryAfter(lane, at) });
  }

  /** How long the lane's queue has lately taken: at least a second, and never longer than a ticket may wait. */
  function retryAfter(lane: Lane, at: Ms): Ms {
    return Math.min(maxWaitMs, Math.max(1_000, Math.ceil(book(lane).flows.oldestWait(at))));
  }

  return {
    enqueue(ticket, at) {
      const out: LaneOutcome[] = [];
      const { flows } = book(ticket.lane);
      if (flows.size >= maxQueued) {
        shed(ticket.id, ticket.lane, "queue_full", at, out);
        return out;
      }
      if (flows.size === 0) {
        const t = tag(ticket.lane);
        t.start = Math.max(clock, t.finish);
      }
      const waiting = flows.add(ticket, at, Math.min(at + maxWaitMs, ticket.deadlineAt ?? Infinity));
      tickets.set(ticket.id, { waiting, lane: ticket.lane, granted: false });
      dispatch(at, out);
      return out;
    },
    release(id, at, actualCost) {
      const out: LaneOutcome[] = [];
      const entry = tickets.get(id);
      if (entry === undefined || !entry.granted) return out;
      tickets.delete(id);
      running--;
      const { lane, waiting } = entry;
      book(lane).running--;
      const correction = actualCost - waiting.ticket.cost;
      book(lane).flows.correct(waiting.ticket.tenant, correction);
      const t = tag(lane);
      t.finish = Math.max(clock, t.finish + correction / weights[lane]);
      t.start = t.finish;
      dispatch(at, out);
      return out;
    },
    cancel(id, at) {
      const out: LaneOutcome[] = [];
      const entry = tickets.get(id);
      if (entry === undefined || entry.granted) return out;
      tickets.delete(id);
      book(entry.lane).flows.drop(entry.waiting);
      dispatch(at, out);
      return out;
    },
    expire(at) {
      const out: LaneOutcome[] = [];
      for (const lane of laneNames) {
        const { flows } = book(lane);
        for (let late = flows.takeExpired(at); late !== undefined; late = flows.takeExpired(at)) {
          const { ticket } = late;
          tickets.delete(ticket.id);
          shed(ticket.id, lane, (ticket.deadlineAt ?? Infinity) <= at ? "deadline" : "timeout", at, out);
        }
      }
      dispatch(at, out);
      return out;
    },
    view(at) {
      const state = (lane: Lane): LaneState => {
        const { flows, running: active, granted, shed: dropped } = book(lane);
        return {
          weight: weights[lane],
          queued: flows.size,
          running: active,
          granted,
          shed: dropped,
          oldest_wait_ms: flows.oldestWait(at),
        };
      };
      return {
        slots: config.slots,
        running,
        lanes: { gold: state("gold"), silver: state("silver"), bronze: state("bronze") },
      };
    },
  };
}
