import type { Ms } from "../model/index.js";
import { Accounts } from "./accounts.js";
import { Lines, LIVE, NEWEST, OLDEST, START, SUM, TENANT } from "./lines.js";
import { createLinks, Longest } from "./longest.js";
import { Patience } from "./patience.js";
import { COST, DEADLINE, INTS, LINE, NONE, ORDER, RUNS, Seats, SINCE, STATE, UNTIL, WIDTH } from "./seats.js";
import { Sessions } from "./sessions.js";
import { createPlaces, createTagHeap } from "./tag-heap.js";
import type { TenantBook, Tenants } from "./tenants.js";
import type { Ticket } from "./values.js";

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
  private readonly links = createLinks();
  private readonly sessions = new Sessions(this.seats, this.lines, this.places, this.links);
  private readonly longest = new Longest(this.links);
  private readonly patience = new Patience(this.tickets);
  private readonly accounts = new Accounts();

  constructor(private readonly tenants: Tenants) {
    tenants.keptIn(this);
  }

  /** Tenants that wait. */
  get active(): number {
    return this.heap.size;
  }

  /** A new ticket, to be dropped at `until`. `at` never goes back. */
  add(ticket: T, at: Ms, until: Ms): void {
    const tenant = this.tenants.numberOf(ticket.tenant, ticket.account);
    const { accounts } = this;
    accounts.meet(tenant);
    const known = accounts.lineOf(tenant);
    const line = known === NONE ? this.lines.take() : known;
    const seat = this.seats.take(ticket);
    const order = this.order++;
    const cost = chargeOf(ticket.cost);
    const { data, ints } = this.tickets;
    const s = seat << WIDTH;
    data[s + COST] = cost;
    data[s + SINCE] = at;
    data[s + UNTIL] = until;
    data[s + ORDER] = order;
    ints[(seat << INTS) + LINE] = line;
    data[s + DEADLINE] = ticket.deadlineAt ?? Infinity;
    this.sessions.add(line, seat);
    this.size++;
    this.cost += cost;
    this.patience.add(seat);
    const l = line << WIDTH;
    if (known !== NONE) {
      const live = this.records.data[l + LIVE] as number;
      this.longest.moved(line, live - 1, live);
      return;
    }
    const start = Math.max(this.clock, accounts.servedOf(tenant));
    accounts.setLine(tenant, line);
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
    const i = seat << INTS;
    const { ints } = this.tickets;
    const line = ints[i + LINE] as number;
    const l = line << WIDTH;
    const { data } = this.records;
    const tenant = data[l + TENANT] as number;
    this.clock = data[l + START] as number;
    const finish = this.clock + (this.tickets.data[(seat << WIDTH) + COST] as number);
    this.accounts.setServed(tenant, finish);
    this.accounts.runs(tenant, 1);
    data[l + START] = finish;
    this.leave(line, seat, true);
    ints[i + LINE] = tenant;
    ints[i + STATE] = RUNS;
  }

  /** Takes a ticket that waits out without charge. */
  drop(seat: number): void {
    this.leave(this.tickets.ints[(seat << INTS) + LINE] as number, seat, false);
    this.seats.give(seat);
  }

  /** A call ended, and cost so much more (or less) than it was charged. */
  end(seat: number, more: number): void {
    const tenant = this.tickets.ints[(seat << INTS) + LINE] as number;
    const ticket = this.seats.tickets[seat];
    this.seats.give(seat);
    const { accounts } = this;
    accounts.runs(tenant, -1);
    if (more === 0 || ticket === undefined) return;
    // What is given back never lifts a tenant over those that wait now.
    const finish = Math.max(this.clock, accounts.servedOf(tenant) + more);
    accounts.setServed(tenant, finish);
    const line = accounts.lineOf(tenant);
    if (line === NONE) return;
    this.records.data[(line << WIDTH) + START] = finish;
    this.sessions.correct(line, ticket, more);
    this.settleFirst(line);
  }

  isIdle(tenant: number): boolean {
    const { accounts } = this;
    return (
      accounts.lineOf(tenant) === NONE && accounts.runningOf(tenant) === 0 && accounts.servedOf(tenant) <= this.clock
    );
  }

  /** The ticket whose time is over first, if it is. */
  expired(at: Ms): number {
    return this.patience.nextAt > at ? NONE : this.patience.peek();
  }

  nextExpiryAt(): Ms | null {
    const { nextAt } = this.patience;
    return nextAt === Infinity ? null : nextAt;
  }

  /** The start tag that a new ticket of this tenant would get. */
  tagOf(tenant: string): number {
    const number = this.tenants.find(tenant);
    if (number === undefined) return this.clock;
    const line = this.accounts.lineOf(number);
    if (line === NONE) return Math.max(this.clock, this.accounts.servedOf(number));
    const l = line << WIDTH;
    return (this.records.data[l + START] as number) + (this.records.data[l + SUM] as number);
  }

  /** How many tickets of this tenant wait. */
  waitingOf(tenant: string): number {
    const number = this.tenants.find(tenant);
    const line = number === undefined ? NONE : this.accounts.lineOf(number);
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
    for (const line of this.accounts.lines()) oldest = Math.min(oldest, this.sessions.oldestSince(line, sinceOf));
    return at - oldest;
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
      this.accounts.setLine(data[(line << WIDTH) + TENANT] as number, NONE);
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
