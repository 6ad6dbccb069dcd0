import type { Ticket } from "./values.js";

/** What a seat's numbers are: they lie side by side, so that a ticket takes one line of memory, or two, and leaves no garbage. */
export const COST = 0;
/** When it came; once it runs, when it got its slot. */
export const SINCE = 1;
/** When it gives up. */
export const UNTIL = 2;
/** Its number in the order of coming. */
export const ORDER = 3;
/** Its tenant's line; once it runs, its tenant's number. */
export const LINE = 4;
/** Neighbours in its queue or, once it runs, among the calls of its lane; -1 at the ends. */
export const OLDER = 5;
export const NEWER = 6;
export const DEADLINE = 7;

/** What the ticket of a seat does. */
export const WAITS = 1;
export const RUNS = 2;
/** It runs, and was told to end for another one. */
export const PREEMPTED = 3;

/** A ticket that has no seat, a queue without an end. */
export const NONE = -1;
/** Eight numbers a record: record `n` begins at `n << WIDTH`. */
export const WIDTH = 3;
const FIRST_SIZE = 16;

/** Records of eight numbers, known by whole numbers from 0 up, which are used again. */
export interface Records {
  /** All numbers of all records. Another array after `take`. */
  data: Float64Array;
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
  private readonly free: number[] = [];
  private made = 0;

  take(): number {
    const record = this.free.pop() ?? this.made++;
    if (record << WIDTH >= this.data.length) {
      const bigger = new Float64Array(this.data.length * 2);
      bigger.set(this.data);
      this.data = bigger;
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
  readonly states: number[] = [];

  /** Gives the ticket a seat. */
  take(ticket: T): number {
    const seat = this.records.take();
    this.tickets[seat] = ticket;
    this.states[seat] = WAITS;
    ticket.seat = seat;
    return seat;
  }

  /** The seat is free again, and the ticket may come back. */
  give(seat: number): void {
    const ticket = this.tickets[seat];
    if (ticket !== undefined) ticket.seat = NONE;
    this.tickets[seat] = undefined;
    this.states[seat] = 0;
    this.records.give(seat);
  }
}
