import type { Lane, Ms } from "../model/index.js";
import { chargeOf } from "./flows.js";
import { addTo, bookOf, createPool, grant, keptFrom, nextBook, outlookOf, release } from "./pool.js";
import type { Book, Pool } from "./pool.js";
import { dueAt, victimFor } from "./preempt.js";
import { COST, DEADLINE, INTS, NONE, ORDER, PREEMPTED, RUNS, SINCE, STATE, WAITS, WIDTH } from "./seats.js";
import { Tally } from "./tally.js";
import { Tenants } from "./tenants.js";
import type { LaneOutcome, Lanes, LanesConfig, Outlook, ShedReason, Ticket } from "./values.js";
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
const nothing: readonly never[] = [];
const defaultWaitShare = { gold: 0.9, silver: 0.8, bronze: 0.7 };

/**
 * Start-time fair queueing (Goyal, Vin, Cheng, 1996) in front of each adapter: lanes by weight, then tenants by cost, then a tenant's sessions. A
 * flow is charged when its ticket is granted, never when it is dropped, and corrected by what the call really cost; a flow that
 * comes back starts at the clock of its level, so that nobody saves up. Where adapters share the router's slots, lanes share them
 * by the same rule.
 *
 * @throws RangeError when a weight is not above 0, or more is reserved than there is.
 */
export function createLanes<T extends Ticket = Ticket>(config: LanesConfig): Lanes<T> {
  const { slots } = config;
  const weights = config.weights ?? defaultWeights;
  const steps = stepsOf(weights);
  const maxQueued = config.maxQueued ?? 1_000;
  const maxWaitMs = config.maxWaitMs ?? 30_000;
  const waitShare = config.waitShare ?? defaultWaitShare;
  const reserved = config.reserved ?? { gold: slots > 1 ? 1 : 0 };
  check(slots, reserved, waitShare);
  const preempts = config.preempt ?? true;
  const pools = new Map<string, Pool<T>>();
  const tenants = new Tenants();
  const tally = new Tally(weights, reserved);
  const bronze = tally.of("bronze");
  let running = 0;
  /** What became of tickets in the operation that goes on; undefined while nothing did. Most operations tell one thing or none. */
  let told: LaneOutcome<T>[] | undefined;
  /** The pool, while there is one: most routers and most moments need no choice between adapters. */
  let only: Pool<T> | undefined;

  function poolOf(adapter: string): Pool<T> {
    if (only?.adapter === adapter) return only;
    let pool = pools.get(adapter);
    if (pool === undefined) {
      pool = createPool(adapter, tenants, { weights, steps, reserved }, slots);
      pools.set(adapter, pool);
      only = pools.size === 1 ? pool : undefined;
    }
    return pool;
  }

  function tell(outcome: LaneOutcome<T>): void {
    if (told === undefined) told = [outcome];
    else told.push(outcome);
  }

  function allTold(): readonly LaneOutcome<T>[] {
    const all = told ?? nothing;
    told = undefined;
    return all;
  }

  const mayRun = (lane: Lane): boolean => running + keptFrom(lane, tally.lanes, slots) < slots;

  /** The lane and pool that go next: of each pool the lane whose turn it is there, of these the lane whose turn it is here. */
  function nextUp(): Book<T> | undefined {
    if (running >= slots) return undefined;
    // Its own rule is the router's then.
    if (only !== undefined) return nextBook(only);
    let best: Book<T> | undefined;
    let bestOrder = 0;
    for (const pool of pools.values()) {
      const book = nextBook(pool, mayRun);
      if (book === undefined) continue;
      const order = orderOfNext(book);
      if (best !== undefined) {
        const a = tally.of(book.lane).start;
        const b = tally.of(best.lane).start;
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
      const seat = book.flows.next(at);
      if (seat === NONE) return;
      const ticket = book.flows.seats.tickets[seat] as T;
      if (isHopeless(book, seat, at)) {
        book.flows.drop(seat);
        shed(pool, ticket, "deadline", at);
        continue;
      }
      const waitedMs = grant(pool, book, seat, at);
      running++;
      tally.granted(book.lane, (book.flows.seats.records.data[(seat << WIDTH) + COST] as number) * book.step);
      tell({ t: "granted", ticket, waitedMs });
    }
    if (preempts) makeRoom(at);
  }

  /** A call that had to wait and would most likely end after its deadline is not begun. One that need not wait may try. */
  function isHopeless({ pool, flows }: Book<T>, seat: number, at: Ms): boolean {
    const { data } = flows.seats.records;
    const s = seat << WIDTH;
    const deadlineAt = data[s + DEADLINE] as number;
    const { costPerMs } = pool.speed;
    if (deadlineAt === Infinity || costPerMs === undefined || data[s + SINCE] === at) return false;
    return at + (data[s + COST] as number) / costPerMs > deadlineAt;
  }

  function makeRoom(at: Ms): void {
    if (only !== undefined) makeRoomIn(only, at);
    else for (const pool of pools.values()) makeRoomIn(pool, at);
  }

  /** Gold waits for a slot that bronze may hold. */
  function mayCut(pool: Pool<T>): boolean {
    if (bronze.running === 0 || bookOf(pool, "gold").flows.size === 0) return false;
    return running >= slots || pool.running >= pool.limit;
  }

  function makeRoomIn(pool: Pool<T>, at: Ms): void {
    if (!mayCut(pool)) return;
    const victim =
      running >= slots ? victimFor(pool, pools.values(), slots, at) : victimFor(pool, [pool], pool.limit, at);
    if (victim === undefined) return;
    const { tickets, records } = victim.book.flows.seats;
    const ticket = tickets[victim.seat] as T;
    records.ints[(victim.seat << INTS) + STATE] = PREEMPTED;
    bronze.preempted++;
    const { waitMs } = outlookOf(pool, bookOf(pool, "bronze"), ticket.tenant, slots, at, 1);
    tell({ t: "preempted", ticket, retryAfterMs: Math.min(maxWaitMs, Math.max(MIN_RETRY_MS, waitMs)) });
  }

  function shed(pool: Pool<T>, ticket: T, reason: ShedReason, at: Ms): void {
    tell(refusal(ticket, pool, reason, (ticket.deadlineAt ?? Infinity) - at, at));
  }

  function refusal(ticket: T, pool: Pool<T>, reason: ShedReason, ttlMs: Ms, at: Ms): LaneOutcome<T> {
    const { lane, tenant } = ticket;
    tally.shed(lane, reason);
    const book = bookOf(pool, lane);
    const { waitMs, freeMs } = outlookOf(pool, book, tenant, slots, at, 0);
    // A full lane has a place again when the next of this tenant's is served; else the wait must be one that is let in.
    const room =
      reason === "queue_full"
        ? waitMs / (1 + book.flows.waitingOf(tenant))
        : waitMs + freeMs - patienceMs(lane, ttlMs) * LET_IN_SHARE;
    const known = waitMs === 0 ? MIN_RETRY_MS : Math.max(LEAST_RETRY_MS, room);
    return { t: "shed", ticket, reason, retryAfterMs: Math.min(maxWaitMs, known) };
  }

  function patienceMs(lane: Lane, ttlMs: Ms): Ms {
    if (ttlMs === Infinity) return maxWaitMs;
    return Math.min(maxWaitMs, Math.max(LEAST_PATIENCE_MS, ttlMs * waitShare[lane]), Math.max(0, ttlMs));
  }

  function expireIn(pool: Pool<T>, { flows }: Book<T>, at: Ms): boolean {
    let any = false;
    for (let seat = flows.expired(at); seat !== NONE; seat = flows.expired(at)) {
      const ticket = flows.seats.tickets[seat] as T;
      flows.drop(seat);
      shed(pool, ticket, (ticket.deadlineAt ?? Infinity) <= at ? "deadline" : "timeout", at);
      any = true;
    }
    return any;
  }

  /** A full lane: the newest ticket of whoever waits with the most makes room, which may be the one that comes. */
  function makePlace(pool: Pool<T>, book: Book<T>, tenant: string, at: Ms): boolean {
    const { flows } = book;
    let queued = flows.size;
    if (only === undefined)
      for (const other of pools.values()) if (other !== pool) queued += bookOf(other, book.lane).flows.size;
    if (queued < maxQueued) return true;
    for (const other of pools.values()) if (expireIn(other, bookOf(other, book.lane), at)) return true;
    const seat = flows.newestOfLongest(flows.waitingOf(tenant) + 1);
    if (seat === NONE) return false;
    const ticket = flows.seats.tickets[seat] as T;
    flows.drop(seat);
    shed(pool, ticket, "queue_full", at);
    return true;
  }

  return {
    enqueue(ticket, at) {
      if (ticket.seat !== NONE) return allTold();
      const pool = poolOf(ticket.adapter ?? NO_ADAPTER);
      const book = bookOf(pool, ticket.lane);
      const ttlMs = (ticket.deadlineAt ?? Infinity) - at;
      if (ttlMs <= 0) {
        tell(refusal(ticket, pool, "deadline", ttlMs, at));
        return allTold();
      }
      if (!makePlace(pool, book, ticket.tenant, at)) {
        tell(refusal(ticket, pool, "queue_full", ttlMs, at));
        return allTold();
      }
      addTo(pool, book, ticket, at, at + patienceMs(ticket.lane, ttlMs));
      dispatch(at);
      return allTold();
    },
    release(ticket, at, actualCost) {
      const pool = poolOf(ticket.adapter ?? NO_ADAPTER);
      const book = bookOf(pool, ticket.lane);
      const { tickets, records } = book.flows.seats;
      const { seat } = ticket;
      if (tickets[seat] !== ticket || (records.ints[(seat << INTS) + STATE] as number) < RUNS) return allTold();
      running--;
      const more = release(pool, book, seat, actualCost === undefined ? undefined : chargeOf(actualCost), at);
      tally.released(book.lane, more * book.step);
      dispatch(at);
      return allTold();
    },
    cancel(ticket, at) {
      const { flows } = bookOf(poolOf(ticket.adapter ?? NO_ADAPTER), ticket.lane);
      const { seat } = ticket;
      const { tickets, records } = flows.seats;
      if (tickets[seat] !== ticket || records.ints[(seat << INTS) + STATE] !== WAITS) return allTold();
      flows.drop(seat);
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
        if (preempts && mayCut(pool)) next = Math.min(next, dueAt(pool));
      }
      return next === Infinity ? null : next;
    },
    setLimit(adapter, limit, at) {
      poolOf(adapter).limit = Math.max(1, Math.min(limit, slots));
      dispatch(at);
      return allTold();
    },
    accountOf: (tenant) => tenants.numberOf(tenant),
    isFree(adapter, lane) {
      if (!mayRun(lane)) return false;
      const pool = pools.get(adapter);
      if (pool === undefined) return true;
      for (const { flows } of pool.books) if (flows.size > 0) return false;
      return pool.running + keptFrom(lane, pool.books, pool.limit) < pool.limit;
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

function orderOfNext<T extends Ticket>({ flows }: Book<T>): number {
  const seat = flows.next(-Infinity);
  return seat === NONE ? 0 : (flows.seats.records.data[(seat << WIDTH) + ORDER] as number);
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
