import type { Lane, Ms } from "../model/index.js";
import { createFlows } from "./flows.js";
import type { Flows, Waiting } from "./flows.js";
import { createLevel, createSpeed } from "./speed.js";
import type { Level, Speed } from "./speed.js";
import type { Outlook } from "./values.js";
import { laneNames } from "./weights.js";

/** One lane in front of one adapter. */
export interface Book {
  readonly lane: Lane;
  readonly pool: Pool;
  readonly flows: Flows;
  readonly weight: number;
  /** What one unit of cost adds to its tags. */
  readonly step: number;
  readonly reserved: number;
  start: number;
  finish: number;
  running: number;
  /** How many of its calls ran lately. */
  readonly usage: Level;
}

/** What runs and what waits at one adapter: two levels of start-time fair queueing, lanes and in them tenants. */
export interface Pool {
  readonly books: readonly Book[];
  readonly speed: Speed;
  /** Calls that may run at once. */
  limit: number;
  running: number;
  /** Start tag of the last lane served. */
  clock: number;
  /** Ends of the line of calls that run, in the order in which they began. */
  oldest: Waiting | undefined;
  newest: Waiting | undefined;
  /** The gold ticket for which bronze was last looked through. */
  lookedFor: number;
}

/** How lanes share a pool. */
export interface Shares {
  readonly weights: Readonly<Record<Lane, number>>;
  readonly steps: Readonly<Record<Lane, number>>;
  readonly reserved: Readonly<Partial<Record<Lane, number>>>;
}

/** An empty pool. */
export function createPool(shares: Shares, limit: number): Pool {
  const books: Book[] = [];
  const pool: Pool = {
    books,
    speed: createSpeed(),
    limit,
    running: 0,
    clock: 0,
    oldest: undefined,
    newest: undefined,
    lookedFor: -1,
  };
  for (const lane of laneNames)
    books.push({
      lane,
      pool,
      flows: createFlows(),
      weight: shares.weights[lane],
      step: shares.steps[lane],
      reserved: shares.reserved[lane] ?? 0,
      start: 0,
      finish: 0,
      running: 0,
      usage: createLevel(),
    });
  return pool;
}

/** The lane of a pool. */
export function bookOf(pool: Pool, lane: Lane): Book {
  return pool.books[lane === "gold" ? 0 : lane === "silver" ? 1 : 2] as Book;
}

interface Slotted {
  readonly lane: Lane;
  readonly reserved: number;
  readonly running: number;
}

/** Slots that other lanes have kept for themselves and do not use; one slot is never kept from anybody. */
export function keptFrom(lane: Lane, all: readonly Slotted[], slots: number): number {
  let kept = 0;
  for (const other of all) if (other.lane !== lane) kept += Math.max(0, other.reserved - other.running);
  return Math.max(0, Math.min(kept, slots - 1));
}

/** The lane that goes next in this pool, among those that `may` get a slot; undefined when none does. */
export function nextBook(pool: Pool, may?: (lane: Lane) => boolean): Book | undefined {
  const { books, running, limit } = pool;
  if (running >= limit) return undefined;
  let kept = 0;
  for (const { reserved, running: own } of books) if (own < reserved) kept += reserved - own;
  let best: Book | undefined;
  for (const book of books) {
    if (book.flows.size === 0 || may?.(book.lane) === false) continue;
    const others = kept - Math.max(0, book.reserved - book.running);
    if (running + Math.min(others, limit - 1) >= limit) continue;
    if (best === undefined || book.start < best.start) best = book;
  }
  return best;
}

/** Queues a ticket. A lane that comes back starts where the others are. */
export function addTo(pool: Pool, book: Book, ticket: Waiting["ticket"], at: Ms, until: Ms): Waiting {
  if (book.flows.size === 0) book.start = Math.max(pool.clock, book.finish);
  return book.flows.add(ticket, at, until);
}

/** Takes the lane's next ticket: lane and tenant are charged. */
export function takeFrom(pool: Pool, book: Book, at: Ms): Waiting | undefined {
  const waiting = book.flows.take(at);
  if (waiting === undefined) return undefined;
  pool.clock = Math.max(pool.clock, book.start);
  book.finish = book.start + waiting.cost * book.step;
  book.start = book.finish;
  book.running++;
  book.usage.set(book.running, at);
  pool.running++;
  waiting.grantedAt = at;
  // Its places in the queue are free, and serve for the line of those that run.
  waiting.older = pool.newest;
  if (pool.newest === undefined) pool.oldest = waiting;
  else pool.newest.newer = waiting;
  pool.newest = waiting;
  return waiting;
}

function leaveLine(pool: Pool, waiting: Waiting): void {
  const { older, newer } = waiting;
  if (older === undefined) pool.oldest = newer;
  else older.newer = newer;
  if (newer === undefined) pool.newest = older;
  else newer.older = older;
}

/** A ticket's call ended: what it cost beyond what was charged (or less) is charged now. */
export function release(pool: Pool, book: Book, waiting: Waiting, actual: number, at: Ms): void {
  pool.running--;
  book.running--;
  leaveLine(pool, waiting);
  book.usage.set(book.running, at);
  if (!waiting.preempted) pool.speed.ended(waiting.cost, at - waiting.grantedAt);
  const more = actual - waiting.cost;
  if (more === 0) return;
  book.flows.correct(waiting.flow, more);
  book.finish = Math.max(pool.clock, book.finish + more * book.step);
  if (book.flows.size > 0) book.start = book.finish;
}

/** Lanes' shares of the recent past look back over so many mean calls. */
const USAGE_CALLS = 4;

/** What a lane gets done per millisecond: its share by weight among those that wait, or what the others leave. */
export function rateOf(pool: Pool, book: Book, slots: number, at: Ms): number | undefined {
  const { costPerMs, meanMs } = pool.speed;
  if (costPerMs === undefined || meanMs === undefined) return undefined;
  const capacity = Math.max(1, Math.min(pool.limit, slots));
  let weights = 0;
  let used = 0;
  for (const other of pool.books) {
    if (other === book || other.flows.size > 0) weights += other.weight;
    if (other !== book) used += other.usage.average(at, USAGE_CALLS * meanMs);
  }
  return costPerMs * Math.max((capacity * book.weight) / weights, capacity - used);
}

/**
 * What a tenant's next ticket has to expect: its distance to the lane's clock, at the rate at which the clock moves when all that wait
 * are served in turn.
 */
export function outlookOf(pool: Pool, book: Book, tenant: string, slots: number, at: Ms, ahead: number): Outlook {
  const { costPerMs, meanMs, meanCost } = pool.speed;
  const rate = rateOf(pool, book, slots, at);
  if (rate === undefined || costPerMs === undefined || meanMs === undefined || meanCost === undefined)
    return { waitMs: 0, serviceMs: 0, freeMs: 0 };
  const serviceMs = meanCost / costPerMs;
  const { flows } = book;
  const capacity = Math.max(1, Math.min(pool.limit, slots));
  const busy = pool.running >= capacity || flows.size > 0;
  const stepMs = meanMs / capacity;
  // Calls that began together end together: until then the queue stands still.
  const freeMs = Math.max(stepMs, (pool.oldest?.grantedAt ?? -Infinity) + meanMs - at);
  if (!busy && ahead === 0) return { waitMs: 0, serviceMs, freeMs };
  const own = flows.waitingOf(tenant) > 0 ? 0 : 1;
  const next = busy ? stepMs : 0;
  // One more of the tenant's moves it back by its cost, while one of each other's is served.
  const turns = (flows.tagOf(tenant) - flows.clock + ahead * meanCost) * (flows.active + own);
  // Nobody waits for more than what waits now, unless more comes.
  const most = flows.cost + ahead * meanCost * (flows.active + own) + next * rate;
  // A tenant's place moves once in a turn of all.
  const turnMs = turns < most ? ((flows.active + own - 1) * meanCost) / rate : 0;
  return { waitMs: Math.max(next, Math.min(turns, most) / rate), serviceMs, freeMs: freeMs + turnMs };
}
