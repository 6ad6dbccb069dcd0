import type { Ms } from "../model/index.js";
import { INTS, NONE, ORDER, PLACE, UNTIL, WIDTH } from "./seats.js";
import type { Records } from "./seats.js";
import { createTagHeap } from "./tag-heap.js";

/** So many places of the line may be empty, and three times as many as are taken. */
const MOST_EMPTY = 1_024;

/**
 * Tickets by the time at which they give up. Where patience is the same for all they give up in the order in which they came, so
 * whoever gives up no sooner than the last one stands in a plain line, at no cost; only the others go into a heap. Who leaves
 * the line leaves its place empty, so that neither its neighbours nor what has long left are touched.
 */
export class Patience {
  private readonly heap = createTagHeap();
  private line: number[] = [];
  /** When those in the line give up: beside it, so that looking at its head reads no ticket. */
  private untils: number[] = [];
  private head = 0;
  private taken = 0;
  private last = -Infinity;

  constructor(private readonly seats: Records) {}

  add(seat: number): void {
    const until = this.untilOf(seat);
    if (until < this.last) {
      this.seats.ints[(seat << INTS) + PLACE] = NONE;
      this.heap.push(seat, until, this.seats.data[(seat << WIDTH) + ORDER] as number);
      return;
    }
    this.last = until;
    this.seats.ints[(seat << INTS) + PLACE] = this.line.length;
    this.line.push(seat);
    this.untils.push(until);
    this.taken++;
  }

  /** The ticket of this seat does not wait any more. */
  remove(seat: number): void {
    const { line } = this;
    const { ints } = this.seats;
    const p = (seat << INTS) + PLACE;
    const place = ints[p] as number;
    if (place === NONE) {
      this.heap.remove(seat);
      return;
    }
    ints[p] = NONE;
    line[place] = NONE;
    this.taken--;
    if (this.taken === 0) {
      this.line = [];
      this.untils = [];
      this.head = 0;
      this.last = -Infinity;
    } else if (line.length > MOST_EMPTY + 4 * this.taken) this.closeUp();
  }

  /** The seat whose ticket gives up first; -1 when none waits. */
  peek(): number {
    const hurried = this.heap.peek();
    const next = this.first();
    if (next === NONE || hurried === NONE) return next === NONE ? hurried : next;
    return (this.untils[this.head] as number) < this.untilOf(hurried) ? next : hurried;
  }

  /** When that is; Infinity when none waits. */
  get nextAt(): Ms {
    const hurried = this.heap.peek();
    const until = this.first() === NONE ? Infinity : (this.untils[this.head] as number);
    return hurried === NONE ? until : Math.min(until, this.untilOf(hurried));
  }

  /** The first of the line; -1 when nobody stands in it. */
  private first(): number {
    const { line } = this;
    while (this.head < line.length && line[this.head] === NONE) this.head++;
    return this.head === line.length ? NONE : (line[this.head] as number);
  }

  private untilOf(seat: number): Ms {
    return this.seats.data[(seat << WIDTH) + UNTIL] as number;
  }

  private closeUp(): void {
    const closed: number[] = [];
    const untils: number[] = [];
    for (let i = this.head; i < this.line.length; i++) {
      const seat = this.line[i] as number;
      if (seat === NONE) continue;
      this.seats.ints[(seat << INTS) + PLACE] = closed.length;
      closed.push(seat);
      untils.push(this.untils[i] as number);
    }
    this.line = closed;
    this.untils = untils;
    this.head = 0;
  }
}
