import type { Ms } from "../model/index.js";
import { bookOf } from "./pool.js";
import type { Book, Pool } from "./pool.js";
import { INTS, NEWER, NONE, ORDER, PREEMPTED, SINCE, STATE, WIDTH } from "./seats.js";
import type { Ticket } from "./values.js";

/** Gold that has waited this share of a mean call ends a running bronze call. */
const WAITED_SHARE = 0.4;
/** And none that has waited less: a call that is cut takes its time to end, too. */
const LEAST_WAIT_MS = 20;

interface Gold {
  readonly order: number;
  readonly since: Ms;
}

/** The gold ticket that waits longest for its turn. */
function firstGold<T extends Ticket>(pool: Pool<T>): Gold | undefined {
  const { flows } = bookOf(pool, "gold");
  const seat = flows.next(-Infinity);
  if (seat === NONE) return undefined;
  const { data } = flows.seats.records;
  const s = seat << WIDTH;
  return { order: data[s + ORDER] as number, since: data[s + SINCE] as Ms };
}

function dueOf<T extends Ticket>(pool: Pool<T>, first: Gold): Ms {
  const { meanMs } = pool.speed;
  return meanMs === undefined ? Infinity : first.since + Math.max(LEAST_WAIT_MS, WAITED_SHARE * meanMs);
}

/** When gold of this pool has waited long enough to cut bronze; Infinity when none waits, or none can be cut for it. */
export function dueAt<T extends Ticket>(pool: Pool<T>): Ms {
  const first = firstGold(pool);
  return first === undefined || pool.lookedFor === first.order ? Infinity : dueOf(pool, first);
}

/** A running call. */
export interface Running<T extends Ticket> {
  readonly book: Book<T>;
  readonly seat: number;
}

/**
 * The running bronze call to end for gold that waits in a pool: the one that began last, as it loses least. Undefined when gold has not
 * waited long enough or it is another lane's turn, while another one is on its way out, or when bronze is down to its floor: its share by weight, and one call.
 * @param among pools whose calls hold what gold waits for
 * @param capacity slots of these pools together
 */
export function victimFor<T extends Ticket>(
  pool: Pool<T>,
  among: Iterable<Pool<T>>,
  capacity: number,
  at: Ms,
): Running<T> | undefined {
  const first = firstGold(pool);
  if (first === undefined || at < dueOf(pool, first)) return undefined;
  pool.lookedFor = first.order;
  if (!isGoldsTurn(pool)) return undefined;
  const floor = Math.max(1, Math.floor(capacity * shareOf(pool)));
  let victim: Running<T> | undefined;
  let latest = -Infinity;
  let count = 0;
  for (const one of among) {
    const book = bookOf(one, "bronze");
    const { data, ints } = book.flows.seats.records;
    for (let seat = book.oldest; seat !== NONE; seat = ints[(seat << INTS) + NEWER] as number) {
      count++;
      if (ints[(seat << INTS) + STATE] === PREEMPTED) return undefined;
      const began = data[(seat << WIDTH) + SINCE] as number;
      if (began < latest) continue;
      latest = began;
      victim = { book, seat };
    }
  }
  return count > floor ? victim : undefined;
}

/** Whether gold would get the slot that comes free: lanes keep their shares. */
function isGoldsTurn<T extends Ticket>(pool: Pool<T>): boolean {
  const gold = bookOf(pool, "gold");
  for (const { flows, start } of pool.books) if (flows.size > 0 && start < gold.start) return false;
  return true;
}

function shareOf<T extends Ticket>({ books }: Pool<T>): number {
  let all = 0;
  let own = 0;
  for (const { lane, weight } of books) {
    all += weight;
    if (lane === "bronze") own = weight;
  }
  return own / all;
}
