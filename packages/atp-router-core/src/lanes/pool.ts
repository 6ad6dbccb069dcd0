import type { Lane, Ms } from "../model/index.js";
import { Flows } from "./flows.js";
import { COST, INTS, NEWER, NONE, OLDER, PREEMPTED, SINCE, STATE, WIDTH } from "./seats.js";
import { Level, Speed } from "./speed.js";
import type { Tenants } from "./tenants.js";
import type { Outlook, Ticket } from "./values.js";
import { laneNames } from "./weights.js";

/** One lane in front of one adapter. */
export interface Book<T extends Ticket> {
  readonly lane: Lane;
  readonly pool: Pool<T>;
  readonly flows: Flows<T>;
  readonly weight: number;
  /** What one unit of cost adds to its tags. */
  readonly step: number;
  readonly reserved: number;
  start: number;
  finish: number;
  running: number;
  /** How many of its calls ran lately. */
  readonly usage: Level;
  /** Ends of the line of its calls that run, in the order in which they began. */
  oldest: number;
  newest: number;
}

/** What runs and what waits at one adapter: two levels of start-time fair queueing, lanes and in them tenants. */
export interface Pool<T extends Ticket> {
  readonly adapter: string;
  readonly books: readonly Book<T>[];
  readonly speed: Speed;
  /** Calls that may run at once. */
  limit: number;
  running: number;
  /** Start tag of the last lane served. */
  clock: number;
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
export function createPool<T extends Ticket>(
  adapter: string,
  tenants: Tenants,
  shares: Shares,
  limit: number,
): Pool<T> {
  const books: Book<T>[] = [];
  const pool: Pool<T> = {
    adapter,
    books,
    speed: new Speed(),
    limit,
    running: 0,
    clock: 0,
    lookedFor: -1,
  };
  for (const lane of laneNames)
    books.push({
      lane,
      pool,
      flows: new Flows(tenants),
      weight: shares.weights[lane],
      step: shares.steps[lane],
      reserved: shares.reserved[lane] ?? 0,
      start: 0,
      finish: 0,
      running: 0,
      usage: new Level(),
      oldest: NONE,
      newest: NONE,
    });
  return pool;
}

/** The lane of a pool. */
export function bookOf<T extends Ticket>(pool: Pool<T>, lane: Lane): Book<T> {
  return pool.books[lane === "gold" ? 0 : lane === "silver" ? 1 : 2] as Book<T>;
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
export function nextBook<T extends Ticket>(pool: Pool<T>, may?: (lane: Lane) => boolean): Book<T> | undefined {
  const { books, running, limit } = pool;
  if (running >= limit) return undefined;
  let kept = 0;
  for (const { reserved, running: own } of books) if (own < reserved) kept += reserved - own;
  let best: Book<T> | undefined;
  for (const book of books) {
    if (book.flows.size === 0 || may?.(book.lane) === false) continue;
    const others = kept - Math.max(0, book.reserved - book.running);
    if (running + Math.min(others, limit - 1) >= limit) continue;
    if (best === undefined || book.start < best.start) best = book;
  }
  return best;
}

/** Queues a ticket. A lane that comes back starts where the others are. */
export function addTo<T extends Ticket>(pool: Pool<T>, book: Book<T>, ticket: T, at: Ms, until: Ms): void {
  if (book.flows.size === 0) book.start = Math.max(pool.clock, book.finish);
  book.flows.add(ticket, at, until);
}

/** The lane's next ticket gets its slot: lane and tenant are charged. Returns how long it waited. */
export function grant<T extends Ticket>(pool: Pool<T>, book: Book<T>, seat: number, at: Ms): Ms {
  const { flows } = book;
  flows.take(seat);
  const { data, ints } = flows.seats.records;
  const s = seat << WIDTH;
  pool.clock = Math.max(pool.clock, book.start);
  book.finish = book.start + (data[s + COST] as number) * book.step;
  book.start = book.finish;
  book.running++;
  book.usage.set(book.running, at);
  pool.running++;
  const waitedMs = at - (data[s + SINCE] as number);
  data[s + SINCE] = at;
  // Its neighbours in the queue are forgotten: their places serve for the line of those that run.
  const i = seat << INTS;
  ints[i + OLDER] = book.newest;
  ints[i + NEWER] = NONE;
  if (book.newest === NONE) book.oldest = seat;
  else ints[(book.newest << INTS) + NEWER] = seat;
  book.newest = seat;
  return waitedMs;
}

function leaveLine<T extends Ticket>(book: Book<T>, seat: number): void {
  const { ints } = book.flows.seats.records;
  const older = ints[(seat << INTS) + OLDER] as number;
  const newer = ints[(seat << INTS) + NEWER] as number;
  if (older === NONE) book.oldest = newer;
  else ints[(older << INTS) + NEWER] = newer;
  if (newer === NONE) book.newest = older;
  else ints[(newer << INTS) + OLDER] = older;
}

/**
 * A ticket's call ended: what it cost beyond what was charged (or less) is charged now, and returned.
 * @param actual undefined: as expected
 */
export function release<T extends Ticket>(
  pool: Pool<T>,
  book: Book<T>,
  seat: number,
  actual: number | undefined,
  at: Ms,
): number {
  const { flows } = book;
  const { data, ints } = flows.seats.records;
  const s = seat << WIDTH;
  const cost = data[s + COST] as number;
  const more = actual === undefined ? 0 : actual - cost;
  pool.running--;
  book.running--;
  leaveLine(book, seat);
  book.usage.set(book.running, at);
  if (ints[(seat << INTS) + STATE] !== PREEMPTED) pool.speed.ended(cost, at - (data[s + SINCE] as number));
  flows.end(seat, more);
  if (more === 0) return 0;
  book.finish = Math.max(pool.clock, book.finish + more * book.step);
  if (flows.size > 0) book.start = book.finish;
  return more;
}

/** When the call began that has run longest; -Infinity while none runs. */
function oldestBegan<T extends Ticket>(pool: Pool<T>): Ms {
  let began = Infinity;
  for (const { oldest, flows } of pool.books)
    if (oldest !== NONE) began = Math.min(began, flows.seats.records.data[(oldest << WIDTH) + SINCE] as number);
  return began === Infinity ? -Infinity : began;
}

/** Lanes' shares of the recent past look back over so many mean calls. */
const USAGE_CALLS = 4;

/** What a lane gets done per millisecond: its share by weight among those that wait, or what the others leave. */
export function rateOf<T extends Ticket>(pool: Pool<T>, book: Book<T>, slots: number, at: Ms): number | undefined {
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
export function outlookOf<T extends Ticket>(
  pool: Pool<T>,
  book: Book<T>,
  tenant: string,
  slots: number,
  at: Ms,
  ahead: number,
): Outlook {
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
  const freeMs = Math.max(stepMs, oldestBegan(pool) + meanMs - at);
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
