import type { Ms } from "../model/index.js";
import { NONE, ORDER, UNTIL, WIDTH } from "./seats.js";
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
  private head = 0;
  private taken = 0;
  private last = -Infinity;
  /** By seat: where it stands in the line; -1 for one that does not. */
  private readonly places: number[] = [];

  constructor(private readonly seats: Records) {}

  add(seat: number): void {
    const until = this.untilOf(seat);
    if (until < this.last) {
      this.places[seat] = NONE;
      this.heap.push(seat, until, this.seats.data[(seat << WIDTH) + ORDER] as number);
      return;
    }
    this.last = until;
    this.places[seat] = this.line.length;
    this.line.push(seat);
    this.taken++;
  }

  /** The ticket of this seat does not wait any more. */
  remove(seat: number): void {
    const { line, places } = this;
    const place = places[seat] as number;
    if (place === NONE) {
      this.heap.remove(seat);
      return;
    }
    places[seat] = NONE;
    line[place] = NONE;
    this.taken--;
    if (this.taken === 0) {
      this.line = [];
      this.head = 0;
      this.last = -Infinity;
    } else if (line.length > MOST_EMPTY + 4 * this.taken) this.closeUp();
  }

  /** The seat whose ticket gives up first; -1 when none waits. */
  peek(): number {
    const { line } = this;
    while (this.head < line.length && line[this.head] === NONE) this.head++;
    const hurried = this.heap.peek();
    if (this.head === line.length) return hurried;
    const next = line[this.head] as number;
    return hurried === NONE || this.untilOf(next) < this.untilOf(hurried) ? next : hurried;
  }

  private untilOf(seat: number): Ms {
    return this.seats.data[(seat << WIDTH) + UNTIL] as number;
  }

  private closeUp(): void {
    const closed: number[] = [];
    for (let i = this.head; i < this.line.length; i++) {
      const seat = this.line[i] as number;
      if (seat === NONE) continue;
      this.places[seat] = closed.length;
      closed.push(seat);
    }
    this.line = closed;
    this.head = 0;
  }
}
