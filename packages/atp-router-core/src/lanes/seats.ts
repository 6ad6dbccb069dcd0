import type { Ticket } from "./values.js";

/** What a seat's numbers are: they lie side by side, so that a ticket takes one line of memory and leaves no garbage. */
export const COST = 0;
/** When it came; once it runs, when it got its slot. */
export const SINCE = 1;
/** When it gives up. */
export const UNTIL = 2;
/** Its number in the order of coming. */
export const ORDER = 3;
export const DEADLINE = 4;
/** Then its whole numbers. Its tenant's line; once it runs, its tenant's number. */
export const LINE = 10;
/** Neighbours in its queue or, once it runs, among the calls of its lane; -1 at the ends. */
export const OLDER = 11;
export const NEWER = 12;
/** Its place in the line of those that give up; -1 for one that does not stand there. */
export const PLACE = 13;
export const STATE = 14;

/** What the ticket of a seat does: nothing, as the seat is free. */
export const FREE = 0;
export const WAITS = 1;
export const RUNS = 2;
/** It runs, and was told to end for another one. */
export const PREEMPTED = 3;

/** A ticket that has no seat, a queue without an end. */
export const NONE = -1;
/** Eight numbers a record: record `n` begins at `n << WIDTH`. */
export const WIDTH = 3;
/** Or twice as many whole numbers in the same place: there it begins at `n << INTS`. */
export const INTS = 4;
const FIRST_SIZE = 16;

/** Records of eight numbers, or of whole numbers in place of some, known by whole numbers from 0 up, which are used again. */
export interface Records {
  /** All numbers of all records. Another array after `take`. */
  data: Float64Array;
  /** The same memory, read as whole numbers. */
  ints: Int32Array;
  /** A record; its numbers are whatever they were. */
  take(): number;
  give(record: number): void;
}

/** No records. */
export function createRecords(): Records {
  return new FlatRecords();
}

class FlatRecords implements Records {
  data = new Float64Array(FIRST_SIZE << WIDTH);
  ints = new Int32Array(this.data.buffer);
  private readonly free: number[] = [];
  private made = 0;

  take(): number {
    const record = this.free.pop() ?? this.made++;
    if (record << WIDTH >= this.data.length) {
      const bigger = new Float64Array(this.data.length * 2);
      bigger.set(this.data);
      this.data = bigger;
      this.ints = new Int32Array(bigger.buffer);
    }
    return record;
  }

  give(record: number): void {
    this.free.push(record);
  }
}

/** The tickets of one lane that wait or run, each in a seat. */
export class Seats<T extends Ticket> {
  readonly records = createRecords();
  /** By seat. */
  readonly tickets: (T | undefined)[] = [];

  /** Gives the ticket a seat. */
  take(ticket: T): number {
    const seat = this.records.take();
    this.tickets[seat] = ticket;
    this.records.ints[(seat << INTS) + STATE] = WAITS;
    ticket.seat = seat;
    return seat;
  }

  /** The seat is free again, and the ticket may come back. */
  give(seat: number): void {
    const ticket = this.tickets[seat];
    if (ticket !== undefined) ticket.seat = NONE;
    this.tickets[seat] = undefined;
    this.records.ints[(seat << INTS) + STATE] = FREE;
    this.records.give(seat);
  }
}
