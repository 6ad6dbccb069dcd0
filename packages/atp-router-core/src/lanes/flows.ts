import type { Ms } from "../model/index.js";
import { Lines, LIVE, NEWEST, OLDEST, START, SUM, TENANT } from "./lines.js";
import { Longest } from "./longest.js";
import { Patience } from "./patience.js";
import { COST, DEADLINE, LINE, NONE, ORDER, RUNS, Seats, SINCE, UNTIL, WIDTH } from "./seats.js";
import { Sessions } from "./sessions.js";
import { createPlaces, createTagHeap } from "./tag-heap.js";
import type { TenantBook, Tenants } from "./tenants.js";
import type { Ticket } from "./values.js";

/** Tenants that there is room for at first. */
const FIRST_SIZE = 16;
/** A queue whose first ticket has waited this share of its time is served from its newest: the old ones are as good as lost. */
const STALE = 0.8;

/** A ticket's cost as an integer above 0, so that nothing is free. */
export function chargeOf(cost: number): number {
  return cost >= 1 ? Math.min(Math.ceil(cost), 1e9) : 1;
}

/**
 * One lane's tenants, served by the tokens they used. Start-time fair queueing over tenants of equal weight: the smallest start tag goes
 * first, equals in the order in which they came. The clock is the start tag of the last ticket taken; a tenant that comes back
 * starts there at the earliest. A tenant's sessions share by the same rule what it gets. A ticket is known by its seat, a
 * whole number; -1 is none.
 */
export class Flows<T extends Ticket> implements TenantBook {
  readonly seats = new Seats<T>();
  /** Tickets that wait. */
  size = 0;
  /** What they cost together. */
  cost = 0;
  /** Start tag of the last ticket taken. */
  clock = 0;
  private order = 0;
  private readonly tickets = this.seats.records;
  private readonly lines = new Lines(this.tickets);
  private readonly records = this.lines.records;
  private readonly places = createPlaces();
  private readonly heap = createTagHeap(this.places);
  private readonly sessions = new Sessions(this.seats, this.lines, this.places);
  private readonly longest = new Longest();
  private readonly patience = new Patience(this.tickets);
  /** By a tenant's number: its line while something waits, else -1; the tag up to which it has been served; its calls that run. */
  private lineOf = new Int32Array(FIRST_SIZE).fill(NONE);
  private finish = new Float64Array(FIRST_SIZE);
  private busy = new Int32Array(FIRST_SIZE);

  constructor(private readonly tenants: Tenants) {
    tenants.keptIn(this);
  }

  /** Tenants that wait. */
  get active(): number {
    return this.heap.size;
  }

  /** A new ticket, to be dropped at `until`. `at` never goes back. */
  add(ticket: T, at: Ms, until: Ms): void {
    const tenant = this.tenants.numberOf(ticket.tenant);
    if (tenant >= this.lineOf.length) this.grow(tenant);
    const isFirst = this.lineOf[tenant] === NONE;
    const line = isFirst ? this.lines.take() : (this.lineOf[tenant] as number);
    const seat = this.seats.take(ticket);
    const order = this.order++;
    const cost = chargeOf(ticket.cost);
    const { data } = this.tickets;
    const s = seat << WIDTH;
    data[s + COST] = cost;
    data[s + SINCE] = at;
    data[s + UNTIL] = until;
    data[s + ORDER] = order;
    data[s + LINE] = line;
    data[s + DEADLINE] = ticket.deadlineAt ?? Infinity;
    this.sessions.add(line, seat);
    this.size++;
    this.cost += cost;
    this.patience.add(seat);
    const l = line << WIDTH;
    if (!isFirst) {
      const live = this.records.data[l + LIVE] as number;
      this.longest.moved(line, live - 1, live);
      return;
    }
    const start = Math.max(this.clock, this.finish[tenant] as number);
    this.lineOf[tenant] = line;
    this.records.data[l + TENANT] = tenant;
    this.records.data[l + START] = start;
    this.heap.push(line, start, order);
  }

  /** The ticket that goes next. */
  next(at: Ms): number {
    const line = this.heap.peek();
    return line === NONE ? NONE : this.firstOf(line, at);
  }

  /** The ticket that goes next gets its slot: its tenant is charged. */
  take(seat: number): void {
    const s = seat << WIDTH;
    const line = this.tickets.data[s + LINE] as number;
    const l = line << WIDTH;
    const { data } = this.records;
    const tenant = data[l + TENANT] as number;
    this.clock = data[l + START] as number;
    const finish = this.clock + (this.tickets.data[s + COST] as number);
    this.finish[tenant] = finish;
    this.busy[tenant] = (this.busy[tenant] as number) + 1;
    data[l + START] = finish;
    this.leave(line, seat, true);
    this.tickets.data[s + LINE] = tenant;
    this.seats.states[seat] = RUNS;
  }

  /** Takes a ticket that waits out without charge. */
  drop(seat: number): void {
    this.leave(this.tickets.data[(seat << WIDTH) + LINE] as number, seat, false);
    this.seats.give(seat);
  }

  /** A call ended, and cost so much more (or less) than it was charged. */
  end(seat: number, more: number): void {
    const tenant = this.tickets.data[(seat << WIDTH) + LINE] as number;
    const ticket = this.seats.tickets[seat];
    this.seats.give(seat);
    this.busy[tenant] = (this.busy[tenant] as number) - 1;
    if (more === 0 || ticket === undefined) return;
    // What is given back never lifts a tenant over those that wait now.
    const finish = Math.max(this.clock, (this.finish[tenant] as number) + more);
    this.finish[tenant] = finish;
    const line = this.lineOf[tenant] as number;
    if (line === NONE) return;
    this.records.data[(line << WIDTH) + START] = finish;
    this.sessions.correct(line, ticket, more);
    this.settleFirst(line);
  }

  isIdle(tenant: number): boolean {
    if (tenant >= this.lineOf.length) return true;
    return this.lineOf[tenant] === NONE && this.busy[tenant] === 0 && (this.finish[tenant] as number) <= this.clock;
  }

  /** The ticket whose time is over first, if it is. */
  expired(at: Ms): number {
    const seat = this.patience.peek();
    return seat === NONE || (this.tickets.data[(seat << WIDTH) + UNTIL] as number) > at ? NONE : seat;
  }

  nextExpiryAt(): Ms | null {
    const seat = this.patience.peek();
    return seat === NONE ? null : (this.tickets.data[(seat << WIDTH) + UNTIL] as number);
  }

  /** The start tag that a new ticket of this tenant would get. */
  tagOf(tenant: string): number {
    const number = this.tenants.find(tenant);
    if (number === undefined || number >= this.lineOf.length) return this.clock;
    const line = this.lineOf[number] as number;
    if (line === NONE) return Math.max(this.clock, this.finish[number] as number);
    const l = line << WIDTH;
    return (this.records.data[l + START] as number) + (this.records.data[l + SUM] as number);
  }

  /** How many tickets of this tenant wait. */
  waitingOf(tenant: string): number {
    const line = this.lineOf[this.tenants.find(tenant) ?? NONE] ?? NONE;
    return line === NONE ? 0 : (this.records.data[(line << WIDTH) + LIVE] as number);
  }

  /** The newest ticket of the tenant that waits with the most, when that is more than `than`. */
  newestOfLongest(than: number): number {
    const line = this.longest.peek();
    const { data } = this.records;
    if (line === undefined || (data[(line << WIDTH) + LIVE] as number) <= than) return NONE;
    return data[(this.sessions.longest(line) << WIDTH) + NEWEST] as number;
  }

  oldestWait(at: Ms): Ms {
    const sinceOf = (seat: number): Ms => this.tickets.data[(seat << WIDTH) + SINCE] as number;
    let oldest = at;
    for (const line of this.lineOf)
      if (line !== NONE) oldest = Math.min(oldest, this.sessions.oldestSince(line, sinceOf));
    return at - oldest;
  }

  private grow(tenant: number): void {
    const size = Math.max(tenant + 1, this.lineOf.length * 2);
    const { lineOf, finish, busy } = this;
    this.lineOf = new Int32Array(size).fill(NONE);
    this.lineOf.set(lineOf);
    this.finish = new Float64Array(size);
    this.finish.set(finish);
    this.busy = new Int32Array(size);
    this.busy.set(busy);
  }

  private firstOf(tenantLine: number, at: Ms): number {
    const line = this.sessions.next(tenantLine) << WIDTH;
    const lines = this.records.data;
    const { data } = this.tickets;
    const oldest = lines[line + OLDEST] as number;
    if (lines[line + LIVE] === 1) return oldest;
    const s = oldest << WIDTH;
    const since = data[s + SINCE] as number;
    const isStale = at - since > STALE * ((data[s + UNTIL] as number) - since);
    return isStale ? (lines[line + NEWEST] as number) : oldest;
  }

  /** The ticket does not wait any more. Its tenant goes where its next ticket belongs; one without any leaves the heap. */
  private leave(line: number, seat: number, charged: boolean): void {
    this.size--;
    this.cost -= this.tickets.data[(seat << WIDTH) + COST] as number;
    this.patience.remove(seat);
    this.sessions.remove(line, seat, charged);
    const { data } = this.records;
    const live = data[(line << WIDTH) + LIVE] as number;
    if (live === 0) {
      this.heap.remove(line);
      this.lineOf[data[(line << WIDTH) + TENANT] as number] = NONE;
      this.records.give(line);
      return;
    }
    this.longest.moved(line, live + 1, live);
    this.settleFirst(line);
  }

  private settleFirst(line: number): void {
    const { data } = this.records;
    const oldest = data[(this.sessions.next(line) << WIDTH) + OLDEST] as number;
    const order = this.tickets.data[(oldest << WIDTH) + ORDER] as number;
    this.heap.moved(line, data[(line << WIDTH) + START] as number, order);
  }
}
