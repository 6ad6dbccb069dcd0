import { COST, createRecords, INTS, NEWER, NONE, OLDER, WIDTH } from "./seats.js";
import type { Records } from "./seats.js";

/** What a line's numbers are. Tag of the first ticket in its queue. */
export const START = 0;
/** Tag up to which a session has been served; a tenant's is kept while it has no line, too. */
export const FINISH = 1;
/** Ends of its queue; -1 while nothing waits. */
export const OLDEST = 2;
export const NEWEST = 3;
/** Tickets that wait, and what they cost together. */
export const LIVE = 4;
export const SUM = 5;
/** The tenant's number. */
export const TENANT = 6;
/** Number of its sessions' level; -1 while one session waits at most. */
export const LEVEL = 7;

/** Lines of tickets that wait: of a tenant, or of one of its sessions. Neighbours in a queue are told in the tickets' own records. */
export class Lines {
  readonly records = createRecords();

  constructor(private readonly seats: Records) {}

  /** A line with nothing in it, and no tags. */
  take(): number {
    const line = this.records.take();
    const { data } = this.records;
    const l = line << WIDTH;
    data[l + START] = 0;
    data[l + FINISH] = 0;
    data[l + OLDEST] = NONE;
    data[l + NEWEST] = NONE;
    data[l + LIVE] = 0;
    data[l + SUM] = 0;
    data[l + LEVEL] = NONE;
    return line;
  }

  /** Puts the ticket behind the others; its cost is in its record. */
  append(line: number, seat: number): void {
    const { data } = this.records;
    const tickets = this.seats.ints;
    const l = line << WIDTH;
    const s = seat << INTS;
    const newest = data[l + NEWEST] as number;
    tickets[s + OLDER] = newest;
    tickets[s + NEWER] = NONE;
    if (newest === NONE) data[l + OLDEST] = seat;
    else tickets[(newest << INTS) + NEWER] = seat;
    data[l + NEWEST] = seat;
    data[l + LIVE] = (data[l + LIVE] as number) + 1;
    data[l + SUM] = (data[l + SUM] as number) + (this.seats.data[(seat << WIDTH) + COST] as number);
  }

  /** Takes the ticket out, wherever it stands. */
  unlink(line: number, seat: number): void {
    const { data } = this.records;
    const tickets = this.seats.ints;
    const l = line << WIDTH;
    const s = seat << INTS;
    const older = tickets[s + OLDER] as number;
    const newer = tickets[s + NEWER] as number;
    if (older === NONE) data[l + OLDEST] = newer;
    else tickets[(older << INTS) + NEWER] = newer;
    if (newer === NONE) data[l + NEWEST] = older;
    else tickets[(newer << INTS) + OLDER] = older;
    data[l + LIVE] = (data[l + LIVE] as number) - 1;
    data[l + SUM] = (data[l + SUM] as number) - (this.seats.data[(seat << WIDTH) + COST] as number);
  }
}
