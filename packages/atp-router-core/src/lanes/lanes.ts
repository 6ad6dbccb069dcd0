import type { Lane, Ms } from "../model/index.js";
import { chargeOf } from "./flows.js";
import type { Waiting } from "./flows.js";
import { addTo, bookOf, createPool, keptFrom, nextBook, outlookOf, release, takeFrom } from "./pool.js";
import type { Book, Pool } from "./pool.js";
import { dueAt, victimFor } from "./preempt.js";
import { createTally } from "./tally.js";
import type { LaneOutcome, Lanes, LanesConfig, Outlook, ShedReason } from "./values.js";
import { lanesView } from "./view.js";
import { defaultWeights, laneNames, stepsOf } from "./weights.js";

/** The pool of tickets that name no adapter. */
const NO_ADAPTER = "";
/** A client that was shed comes back no sooner while nothing is known of how fast calls run, and never sooner than the second. */
const MIN_RETRY_MS = 1_000;
const LEAST_RETRY_MS = 10;
/** A ticket is let in when it would wait at most this share of what it may: what is foreseen is not exact. */
const LET_IN_SHARE = 0.8;
/** Nobody is shed for having waited less. */
const LEAST_PATIENCE_MS = 20;
const nothing: readonly LaneOutcome[] = [];
const defaultWaitShare = { gold: 0.9, silver: 0.8, bronze: 0.7 };

/**
 * Two levels of start-time fair queueing (Goyal, Vin, Cheng, 1996) in front of each adapter: lanes by weight, then tenants by cost. A
 * flow is charged when its ticket is granted, never when it is dropped, and corrected by what the call really cost; a flow that
 * comes back starts at the clock of its level, so that nobody saves up. Where adapters share the router's slots, lanes share them
 * by the same rule.
 *
 * @throws RangeError when a weight is not above 0, or more is reserved than there is.
 */
export function createLanes(config: LanesConfig): Lanes {
  const { slots } = config;
  const weights = config.weights ?? defaultWeights;
  const steps = stepsOf(weights);
  const maxQueued = config.maxQueued ?? 1_000;
  const maxWaitMs = config.maxWaitMs ?? 30_000;
  const waitShare = config.waitShare ?? defaultWaitShare;
  const reserved = config.reserved ?? { gold: slots > 1 ? 1 : 0 };
  check(slots, reserved, waitShare);
  const preempts = config.preempt ?? true;
  const pools = new Map<string, Pool>();
  /** Tickets that wait or run. */
  const tickets = new Map<string, Waiting>();
  const tally = createTally(weights, reserved);
  let running = 0;
  /** What became of tickets in the operation that goes on; undefined while nothing did. Most operations tell one thing or none. */
  let told: LaneOutcome[] | undefined;
  /** The pool, while there is one: most routers and most moments need no choice between adapters. */
  let only: Pool | undefined;

  function poolOf(adapter: string): Pool {
    let pool = pools.get(adapter);
    if (pool === undefined) {
      pool = createPool({ weights, steps, reserved }, slots);
      pools.set(adapter, pool);
      only = pools.size === 1 ? pool : undefined;
    }
    return pool;
  }

  function tell(outcome: LaneOutcome): void {
    if (told === undefined) told = [outcome];
    else told.push(outcome);
  }

  function allTold(): readonly LaneOutcome[] {
    const all = told ?? nothing;
    told = undefined;
    return all;
  }

  const mayRun = (lane: Lane): boolean => running + keptFrom(lane, tally.lanes, slots) < slots;

  /** The lane and pool that go next: of each pool the lane whose turn it is there, of these the lane whose turn it is here. */
  function nextUp(): Book | undefined {
    if (running >= slots) return undefined;
    // Its own rule is the router's then.
    if (only !== undefined) return nextBook(only);
    let best: Book | undefined;
    let bestOrder = 0;
    for (const pool of pools.values()) {
      const book = nextBook(pool, mayRun);
      if (book === undefined) continue;
      const order = book.flows.next(-Infinity)?.order ?? 0;
      if (best !== undefined) {
        const a = tally.startOf(book.lane);
        const b = tally.startOf(best.lane);
        if (a > b || (a === b && order > bestOrder)) continue;
      }
      best = book;
      bestOrder = order;
    }
    return best;
  }

  function dispatch(at: Ms): void {
    for (let book = nextUp(); book !== undefined; book = nextUp()) {
      const { pool } = book;
      // Nothing starts after its time, though nobody has looked since.
      if (expireIn(pool, book, at)) continue;
      const next = book.flows.next(at);
      if (next === undefined) return;
      if (isHopeless(pool, next, at)) {
        book.flows.drop(next);
        shed(pool, next, "deadline", at);
        continue;
      }
      const waiting = takeFrom(pool, book, at);
      if (waiting === undefined) return;
      running++;
      tally.granted(book.lane, waiting, steps[book.lane]);
      tell({ t: "granted", id: waiting.ticket.id, waitedMs: at - waiting.since });
    }
    if (preempts) makeRoom(at);
  }

  /** A call that had to wait and would most likely end after its deadline is not begun. One that need not wait may try. */
  function isHopeless(pool: Pool, { ticket, cost, since }: Waiting, at: Ms): boolean {
    const { costPerMs } = pool.speed;
    if (ticket.deadlineAt === undefined || costPerMs === undefined || since === at) return false;
    return at + cost / costPerMs > ticket.deadlineAt;
  }

  function makeRoom(at: Ms): void {
    if (only !== undefined) makeRoomIn(only, at);
    else for (const pool of pools.values()) makeRoomIn(pool, at);
  }

  function makeRoomIn(pool: Pool, at: Ms): void {
    if (bookOf(pool, "gold").flows.size === 0) return;
    const isFull = running >= slots;
    if (!isFull && pool.running < pool.limit) return;
    const victim = isFull ? victimFor(pool, pools.values(), slots, at) : victimFor(pool, [pool], pool.limit, at);
    if (victim === undefined) return;
    victim.preempted = true;
    tally.preempted("bronze");
    const { id, tenant } = victim.ticket;
    const { waitMs } = outlookOf(pool, bookOf(pool, "bronze"), tenant, slots, at, 1);
    tell({ t: "preempted", id, retryAfterMs: Math.min(maxWaitMs, Math.max(MIN_RETRY_MS, waitMs)) });
  }

  function shed(pool: Pool, waiting: Waiting, reason: ShedReason, at: Ms): void {
    const { id, lane, tenant } = waiting.ticket;
    tickets.delete(id);
    tell(refusal(id, pool, lane, tenant, reason, (waiting.ticket.deadlineAt ?? Infinity) - at, at));
  }

  function refusal(
    id: string,
    pool: Pool,
    lane: Lane,
    tenant: string,
    reason: ShedReason,
    ttlMs: Ms,
    at: Ms,
  ): LaneOutcome {
    tally.shed(lane, reason);
    const book = bookOf(pool, lane);
    const { waitMs, freeMs } = outlookOf(pool, book, tenant, slots, at, 0);
    // A full lane has a place again when the next of this tenant's is served; else the wait must be one that is let in.
    const room =
      reason === "queue_full"
        ? waitMs / (1 + book.flows.waitingOf(tenant))
        : waitMs + freeMs - patienceMs(lane, ttlMs) * LET_IN_SHARE;
    const known = waitMs === 0 ? MIN_RETRY_MS : Math.max(LEAST_RETRY_MS, room);
    return { t: "shed", id, reason, retryAfterMs: Math.min(maxWaitMs, known) };
  }

  function patienceMs(lane: Lane, ttlMs: Ms): Ms {
    return Math.min(maxWaitMs, Math.max(LEAST_PATIENCE_MS, ttlMs * waitShare[lane]), Math.max(0, ttlMs));
  }

  function expireIn(pool: Pool, book: Book, at: Ms): boolean {
    let any = false;
    for (let late = book.flows.takeExpired(at); late !== undefined; late = book.flows.takeExpired(at)) {
      shed(pool, late, (late.ticket.deadlineAt ?? Infinity) <= at ? "deadline" : "timeout", at);
      any = true;
    }
    return any;
  }

  /** A full lane: the newest ticket of whoever waits with the most makes room, which may be the one that comes. */
  function makePlace(pool: Pool, book: Book, tenant: string, at: Ms): boolean {
    let queued = book.flows.size;
    if (only === undefined)
      for (const other of pools.values()) if (other !== pool) queued += bookOf(other, book.lane).flows.size;
    if (queued < maxQueued) return true;
    for (const other of pools.values()) if (expireIn(other, bookOf(other, book.lane), at)) return true;
    const longest = book.flows.newestOfLongest(book.flows.waitingOf(tenant) + 1);
    if (longest === undefined) return false;
    book.flows.drop(longest);
    shed(pool, longest, "queue_full", at);
    return true;
  }

  return {
    enqueue(ticket, at) {
      if (tickets.has(ticket.id)) return allTold();
      const pool = poolOf(ticket.adapter ?? NO_ADAPTER);
      const book = bookOf(pool, ticket.lane);
      const ttlMs = (ticket.deadlineAt ?? Infinity) - at;
      const { id, lane, tenant } = ticket;
      if (ttlMs <= 0) {
        tell(refusal(id, pool, lane, tenant, "deadline", ttlMs, at));
        return allTold();
      }
      if (!makePlace(pool, book, tenant, at)) {
        tell(refusal(id, pool, lane, tenant, "queue_full", ttlMs, at));
        return allTold();
      }
      const waiting = addTo(pool, book, ticket, at, at + patienceMs(lane, ttlMs));
      tickets.set(id, waiting);
      dispatch(at);
      return allTold();
    },
    release(id, at, actualCost) {
      const waiting = tickets.get(id);
      if (waiting === undefined || waiting.grantedAt < 0) return allTold();
      const pool = poolOf(waiting.ticket.adapter ?? NO_ADAPTER);
      const book = bookOf(pool, waiting.ticket.lane);
      tickets.delete(id);
      running--;
      const actual = actualCost === undefined ? waiting.cost : chargeOf(actualCost);
      release(pool, book, waiting, actual, at);
      tally.released(book.lane, waiting, actual, steps[book.lane]);
      dispatch(at);
      return allTold();
    },
    cancel(id, at) {
      const waiting = tickets.get(id);
      if (waiting === undefined || waiting.grantedAt >= 0) return allTold();
      tickets.delete(id);
      const { adapter = NO_ADAPTER, lane } = waiting.ticket;
      bookOf(poolOf(adapter), lane).flows.drop(waiting);
      dispatch(at);
      return allTold();
    },
    expire(at) {
      for (const pool of pools.values()) for (const book of pool.books) expireIn(pool, book, at);
      dispatch(at);
      return allTold();
    },
    nextExpiryAt() {
      let next = Infinity;
      for (const pool of pools.values()) {
        for (const { flows } of pool.books) next = Math.min(next, flows.nextExpiryAt() ?? Infinity);
        if (preempts) next = Math.min(next, dueAt(pool));
      }
      return next === Infinity ? null : next;
    },
    setLimit(adapter, limit, at) {
      poolOf(adapter).limit = Math.max(1, Math.min(limit, slots));
      dispatch(at);
      return allTold();
    },
    runningAt: (adapter) => pools.get(adapter)?.running ?? 0,
    outlook(lane, tenant, at, ahead = 0) {
      let best: Outlook | undefined;
      for (const pool of pools.values()) {
        const outlook = outlookOf(pool, bookOf(pool, lane), tenant, slots, at, ahead);
        if (best === undefined || outlook.waitMs < best.waitMs) best = outlook;
      }
      return best ?? { waitMs: 0, serviceMs: 0, freeMs: 0 };
    },
    patienceMs,
    countShed: (lane, reason) => tally.shed(lane, reason),
    view: (at) =>
      lanesView({ slots, running, pools, tally }, at, (pool, lane) => {
        return outlookOf(pool, bookOf(pool, lane), "", slots, at, 0).waitMs;
      }),
  };
}

function check(
  slots: number,
  reserved: Readonly<Partial<Record<Lane, number>>>,
  waitShare: Readonly<Record<Lane, number>>,
): void {
  const kept = laneNames.reduce((sum, lane) => sum + (reserved[lane] ?? 0), 0);
  if (kept > slots) throw new RangeError(`lanes reserve ${kept} slots, but there are ${slots}`);
  for (const lane of laneNames)
    if (!(waitShare[lane] > 0 && waitShare[lane] <= 1))
      throw new RangeError(`the share of its time that lane ${lane} may wait must be over 0 and at most 1`);
}
