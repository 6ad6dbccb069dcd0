import type { Ms } from "../model/index.js";
import type { Waiting } from "./flows.js";
import { bookOf } from "./pool.js";
import type { Pool } from "./pool.js";

/** Gold that has waited this share of a mean call ends a running bronze call. */
const WAITED_SHARE = 0.4;
/** And none that has waited less: a call that is cut takes its time to end, too. */
const LEAST_WAIT_MS = 20;

/** The gold ticket that waits longest for its turn. */
function firstGold(pool: Pool): Waiting | undefined {
  return bookOf(pool, "gold").flows.next(-Infinity);
}

function dueOf(pool: Pool, first: Waiting): Ms {
  const { meanMs } = pool.speed;
  return meanMs === undefined ? Infinity : first.since + Math.max(LEAST_WAIT_MS, WAITED_SHARE * meanMs);
}

/** When gold of this pool has waited long enough to cut bronze; Infinity when none waits, or none can be cut for it. */
export function dueAt(pool: Pool): Ms {
  const first = firstGold(pool);
  return first === undefined || pool.lookedFor === first.order ? Infinity : dueOf(pool, first);
}

/**
 * The running bronze call to end for gold that waits in a pool: the one that began last, as it loses least. Undefined when gold has not
 * waited long enough or it is another lane's turn, while another one is on its way out, or when bronze is down to its floor: its share by weight, and one call.
 * @param among pools whose calls hold what gold waits for
 * @param capacity slots of these pools together
 */
export function victimFor(pool: Pool, among: Iterable<Pool>, capacity: number, at: Ms): Waiting | undefined {
  const first = firstGold(pool);
  if (first === undefined || at < dueOf(pool, first)) return undefined;
  pool.lookedFor = first.order;
  if (!isGoldsTurn(pool)) return undefined;
  const floor = Math.max(1, Math.floor(capacity * shareOf(pool)));
  let victim: Waiting | undefined;
  let count = 0;
  for (const { oldest } of among) {
    for (let waiting = oldest; waiting !== undefined; waiting = waiting.newer) {
      if (waiting.ticket.lane !== "bronze") continue;
      count++;
      if (waiting.preempted) return undefined;
      if (victim === undefined || waiting.grantedAt >= victim.grantedAt) victim = waiting;
    }
  }
  return count > floor ? victim : undefined;
}

/** Whether gold would get the slot that comes free: lanes keep their shares. */
function isGoldsTurn(pool: Pool): boolean {
  const gold = bookOf(pool, "gold");
  for (const { flows, start } of pool.books) if (flows.size > 0 && start < gold.start) return false;
  return true;
}

function shareOf({ books }: Pool): number {
  let all = 0;
  let own = 0;
  for (const { lane, weight } of books) {
    all += weight;
    if (lane === "bronze") own = weight;
  }
  return own / all;
}
