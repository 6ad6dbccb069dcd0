import { FINISH, LEVEL, LIVE, NEWEST, OLDEST, START, SUM } from "./lines.js";
import type { Lines } from "./lines.js";
import { Longest } from "./longest.js";
import type { Links } from "./longest.js";
import { COST, NONE, ORDER, WIDTH } from "./seats.js";
import type { Seats } from "./seats.js";
import { createTagHeap } from "./tag-heap.js";
import type { Places, TagHeap } from "./tag-heap.js";
import type { Ticket } from "./values.js";

/** A tenant's sessions while more than one of them waits. */
interface Level {
  readonly byName: Map<string, number>;
  readonly active: TagHeap;
  readonly longest: Longest;
  clock: number;
  /** The session whose ticket came last. */
  last: number;
  forgetAt: number;
}

/** Idle sessions that a level remembers at least. */
const REMEMBERED = 64;

/**
 * The third level: sessions of one tenant share what it gets by cost, as tenants share a lane. Most tenants have one session that waits,
 * and none of this then: their line is a plain queue. A level begins with a tenant's second session, and is forgotten when
 * nothing of the tenant waits.
 */
export class Sessions<T extends Ticket> {
  private readonly levels: (Level | undefined)[] = [];
  private readonly free: number[] = [];

  /** @param places of all heaps of lines: a line is in one @param links of all lines: each is counted once */
  constructor(
    private readonly seats: Seats<T>,
    private readonly lines: Lines,
    private readonly places: Places,
    private readonly links: Links,
  ) {}

  /** Puts a ticket that comes into its session's queue. */
  add(tenant: number, seat: number): void {
    if (this.read(tenant, LEVEL) === NONE) {
      const { tickets } = this.seats;
      const newest = this.read(tenant, NEWEST);
      if (newest === NONE || tickets[newest]?.session === tickets[seat]?.session) {
        this.lines.append(tenant, seat);
        return;
      }
      this.begin(tenant);
    }
    this.addTo(this.levelOf(tenant), tenant, seat);
  }

  /** Takes a ticket that waits out. @param charged it was served, rather than dropped */
  remove(tenant: number, seat: number, charged: boolean): void {
    if (this.read(tenant, LEVEL) === NONE) this.lines.unlink(tenant, seat);
    else this.removeFrom(this.levelOf(tenant), tenant, seat, charged);
  }

  /** The line whose ticket goes next: the tenant's own, or a session's. */
  next(tenant: number): number {
    return this.read(tenant, LEVEL) === NONE ? tenant : this.levelOf(tenant).active.peek();
  }

  /** The line whose newest ticket goes first when there is no room: the tenant's own, or its longest session's. */
  longest(tenant: number): number {
    if (this.read(tenant, LEVEL) === NONE) return tenant;
    const { longest, last, active } = this.levelOf(tenant);
    return longest.peek() ?? (this.read(last, LIVE) > 0 ? last : active.peek());
  }

  /** A call cost so much more (or less) than it was charged. */
  correct(tenant: number, ticket: T, more: number): void {
    if (this.read(tenant, LEVEL) === NONE) return;
    const level = this.levelOf(tenant);
    const line = level.byName.get(ticket.session ?? "");
    if (line === undefined) return;
    this.write(line, FINISH, Math.max(level.clock, this.read(line, FINISH) + more));
    if (this.read(line, LIVE) === 0) return;
    this.write(line, START, this.read(line, FINISH));
    this.settleFirst(level, line);
  }

  /** When the oldest of the tenant's tickets came. */
  oldestSince(tenant: number, sinceOf: (seat: number) => number): number {
    if (this.read(tenant, LEVEL) === NONE) return sinceOf(this.read(tenant, OLDEST));
    let oldest = Infinity;
    for (const line of this.levelOf(tenant).byName.values())
      if (this.read(line, LIVE) > 0) oldest = Math.min(oldest, sinceOf(this.read(line, OLDEST)));
    return oldest;
  }

  private read(line: number, column: number): number {
    return this.lines.records.data[(line << WIDTH) + column] as number;
  }

  private write(line: number, column: number, value: number): void {
    this.lines.records.data[(line << WIDTH) + column] = value;
  }

  private levelOf(tenant: number): Level {
    return this.levels[this.read(tenant, LEVEL)] as Level;
  }

  private nameOf(seat: number): string {
    return this.seats.tickets[seat]?.session ?? "";
  }

  private costOf(seat: number): number {
    return this.seats.records.data[(seat << WIDTH) + COST] as number;
  }

  private orderOf(line: number): number {
    return this.seats.records.data[(this.read(line, OLDEST) << WIDTH) + ORDER] as number;
  }

  private lineIn(level: Level, name: string): number {
    let line = level.byName.get(name);
    if (line === undefined) {
      if (level.byName.size >= level.forgetAt) this.forgetIdle(level);
      line = this.lines.take();
      level.byName.set(name, line);
    }
    return line;
  }

  private forgetIdle(level: Level): void {
    for (const [name, line] of level.byName)
      if (this.read(line, LIVE) === 0 && this.read(line, FINISH) <= level.clock) {
        level.byName.delete(name);
        this.lines.records.give(line);
      }
    level.forgetAt = Math.max(REMEMBERED, level.byName.size * 2);
  }

  /** What waits belongs to one session: it becomes the first of a level. The tenant keeps its count and its sum. */
  private begin(tenant: number): void {
    const level: Level = {
      byName: new Map(),
      active: createTagHeap(this.places),
      longest: new Longest(this.links),
      clock: 0,
      last: NONE,
      forgetAt: REMEMBERED,
    };
    const number = this.free.pop() ?? this.levels.length;
    this.levels[number] = level;
    this.write(tenant, LEVEL, number);
    const line = this.lineIn(level, this.nameOf(this.read(tenant, OLDEST)));
    for (const column of [OLDEST, NEWEST, LIVE, SUM]) this.write(line, column, this.read(tenant, column));
    this.write(tenant, OLDEST, NONE);
    this.write(tenant, NEWEST, NONE);
    level.last = line;
    level.active.push(line, 0, this.orderOf(line));
    const live = this.read(line, LIVE);
    for (let n = 1; n < live; n++) level.longest.moved(line, n, n + 1);
  }

  private end(tenant: number): void {
    const number = this.read(tenant, LEVEL);
    for (const line of this.levelOf(tenant).byName.values()) this.lines.records.give(line);
    this.levels[number] = undefined;
    this.free.push(number);
    this.write(tenant, LEVEL, NONE);
  }

  private addTo(level: Level, tenant: number, seat: number): void {
    const line = this.lineIn(level, this.nameOf(seat));
    this.write(tenant, LIVE, this.read(tenant, LIVE) + 1);
    this.write(tenant, SUM, this.read(tenant, SUM) + this.costOf(seat));
    this.lines.append(line, seat);
    level.last = line;
    const live = this.read(line, LIVE);
    level.longest.moved(line, live - 1, live);
    if (live > 1) return;
    this.write(line, START, Math.max(level.clock, this.read(line, FINISH)));
    level.active.push(line, this.read(line, START), this.orderOf(line));
  }

  private removeFrom(level: Level, tenant: number, seat: number, charged: boolean): void {
    const line = this.lineIn(level, this.nameOf(seat));
    const cost = this.costOf(seat);
    this.write(tenant, LIVE, this.read(tenant, LIVE) - 1);
    this.write(tenant, SUM, this.read(tenant, SUM) - cost);
    this.lines.unlink(line, seat);
    const live = this.read(line, LIVE);
    level.longest.moved(line, live + 1, live);
    if (charged) {
      level.clock = this.read(line, START);
      this.write(line, FINISH, level.clock + cost);
      this.write(line, START, level.clock + cost);
    }
    this.settleFirst(level, line);
    if (this.read(tenant, LIVE) === 0) this.end(tenant);
  }

  private settleFirst(level: Level, line: number): void {
    if (this.read(line, LIVE) === 0) level.active.remove(line);
    else level.active.moved(line, this.read(line, START), this.orderOf(line));
  }
}
