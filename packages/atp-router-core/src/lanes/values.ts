import type { Lane, Ms } from "../model/index.js";

/** How a router's slots are shared out. */
export interface LanesConfig {
  /** Calls that run at once, over all adapters. */
  readonly slots: number;
  /** Slots that only this lane may take. One slot is left to the others, whatever is reserved. @default gold 1 when there are more slots than one */
  readonly reserved?: Partial<Record<Lane, number>>;
  /** @default gold 8, silver 3, bronze 1 */
  readonly weights?: Readonly<Record<Lane, number>>;
  /** Tickets a lane may queue. @default 1000 */
  readonly maxQueued?: number;
  /** How long a ticket may wait. @default 30000 */
  readonly maxWaitMs?: number;
  /** How much of its time to its deadline a ticket may spend waiting: over 0, at most 1. @default gold 0.9, silver 0.8, bronze 0.7 */
  readonly waitShare?: Readonly<Record<Lane, number>>;
  /** Whether running bronze is cut for gold that would wait too long. @default true */
  readonly preempt?: boolean;
}

/** A call that wants a slot. The object itself is what it is known by: whoever makes it may keep more in it. */
export interface Ticket {
  readonly lane: Lane;
  readonly tenant: string;
  /** What {@link Lanes.accountOf} said of the tenant, so that its name is not looked up again. Absent, or not true any more: it is. */
  readonly account?: number | undefined;
  /** Sessions of a tenant share what it gets. Absent: one that has no name. */
  readonly session?: string;
  /** The adapter it calls: each has its own limit. Absent: one without a limit of its own. */
  readonly adapter?: string;
  /** Expected cost: what its tenant is charged, corrected when it ends. */
  readonly cost: number;
  readonly deadlineAt?: Ms;
  /** Where the lanes keep it, theirs to write: -1 before it is queued, and again when they are through with it. */
  seat: number;
}

/**
 * Why a ticket was shed: its lane is full and its tenant waits with the most; its deadline passed or cannot be met; it waited too
 * long; it would have to wait too long.
 */
export type ShedReason = "queue_full" | "deadline" | "timeout" | "wait";

/** A refusal, and when the same ticket would be let in as things stand. */
export interface Shed {
  readonly reason: ShedReason;
  readonly retryAfterMs: Ms;
}

/** What became of a ticket. */
export type LaneOutcome<T extends Ticket = Ticket> =
  | { readonly t: "granted"; readonly ticket: T; readonly waitedMs: Ms }
  | ({ readonly t: "shed"; readonly ticket: T } & Shed)
  /** It runs, and is to be ended for gold that waits. It keeps its slot until it is released. */
  | { readonly t: "preempted"; readonly ticket: T; readonly retryAfterMs: Ms };

/** One lane as it is now. */
export interface LaneState {
  readonly weight: number;
  readonly reserved: number;
  readonly queued: number;
  readonly running: number;
  /** Since the router started. */
  readonly granted: number;
  readonly shed: number;
  readonly shed_by: Readonly<Partial<Record<string, number>>>;
  readonly preempted: number;
  readonly oldest_wait_ms: Ms;
  /** What a ticket of a tenant without any would wait now, where it would wait least. */
  readonly expected_wait_ms: Ms;
}

/** One adapter's slots as they are now. */
export interface PoolState {
  /** Calls that may run there at once. */
  readonly limit: number;
  readonly running: number;
  readonly queued: Readonly<Record<Lane, number>>;
}

/** All lanes as they are now. */
export interface LanesView {
  readonly slots: number;
  readonly running: number;
  readonly lanes: Readonly<Record<Lane, LaneState>>;
  /** By adapter. */
  readonly pools: Readonly<Record<string, PoolState>>;
}

/** What a new ticket has to expect. */
export interface Outlook {
  /** How long it would wait; 0 while nothing was measured yet. */
  readonly waitMs: Ms;
  /** How long its call would run; 0 while nothing was measured yet. */
  readonly serviceMs: Ms;
  /** When the wait will have become shorter at the latest: the next slot comes free, and each tenant had its turn; 0 while nothing was measured yet. */
  readonly freeMs: Ms;
}

/** Lanes in front of a number of slots. Plain state behind synchronous operations; each tells what it granted or shed. */
export interface Lanes<T extends Ticket = Ticket> {
  /** A ticket wants a slot. One that waits or runs already is not taken again. */
  enqueue(ticket: T, at: Ms): readonly LaneOutcome<T>[];
  /** A granted ticket's call ended. @param actualCost what it really cost, in the unit of `cost`; absent: as expected */
  release(ticket: T, at: Ms, actualCost?: number): readonly LaneOutcome<T>[];
  /** A ticket that still waits is not wanted any more; it is charged nothing. */
  cancel(ticket: T, at: Ms): readonly LaneOutcome<T>[];
  /** Sheds tickets whose time is over, and ends bronze that gold has waited for. */
  expire(at: Ms): readonly LaneOutcome<T>[];
  /** When `expire` has something to do, unless more comes; null with empty queues. */
  nextExpiryAt(): Ms | null;
  /** An adapter takes so many calls at once from now on. What runs beyond it ends by itself. */
  setLimit(adapter: string, limit: number, at: Ms): readonly LaneOutcome<T>[];
  /** The number under which a tenant is known here, until nothing of it has waited or run for long. */
  accountOf(tenant: string): number;
  /** A ticket of this lane would get its slot at once. */
  isFree(adapter: string, lane: Lane): boolean;
  /** Calls that run at an adapter. */
  runningAt(adapter: string): number;
  /**
   * What a ticket of this lane and tenant has to expect where it would wait least.
   * @param ahead how many of the tenant's own are on their way here and will be before it
   */
  outlook(lane: Lane, tenant: string, at: Ms, ahead?: number): Outlook;
  /** How long a ticket with this time to its deadline may wait. */
  patienceMs(lane: Lane, ttlMs: Ms): Ms;
  /** Counts a request that was shed before it had a ticket. */
  countShed(lane: Lane, reason: string): void;
  view(at: Ms): LanesView;
}
