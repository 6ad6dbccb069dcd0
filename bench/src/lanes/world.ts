import { TimeHeap } from "./heap.js";
import { random, slots, ttlMs } from "./trace.js";
import type { Request } from "./trace.js";

/** A request at a scheduler; a retry is another attempt of the same one. */
export interface Attempt {
  readonly request: Request;
  readonly number: number;
  readonly at: number;
  readonly id: string;
}

/** What a scheduler may do with attempts. */
export interface Hands {
  start(attempt: Attempt): void;
  refuse(attempt: Attempt, retryAfterMs?: number): void;
  /** Ends a running one; `done` follows. */
  cut(attempt: Attempt): void;
}

/** A router in this world. Times are milliseconds of virtual time. */
export interface Scheduler {
  came(attempt: Attempt, at: number): void;
  /** A started one ended; @param cost what it really cost, less when it was cut */
  done(attempt: Attempt, at: number, cost: number): void;
  /** When it wants to be woken; Infinity: not. */
  wakeAt(): number;
  wake(at: number): void;
}

export type SchedulerMaker = (hands: Hands) => Scheduler;

/** What became of a request. */
export interface Result {
  readonly request: Request;
  /** From its arrival to the end of the attempt that was in time; Infinity: none was. */
  latencyMs: number;
  /** When the attempt that was in time began and ended at the adapter. */
  startedAt: number;
  endedAt: number;
  attempts: number;
  refused: number;
  cut: number;
}

/** What may happen beside requests. */
export interface Circumstances {
  /** How many times slower the adapter is, at a time; changes only at `changes`. */
  readonly slowness?: (at: number) => number;
  readonly changes?: readonly number[];
  /** Attempts after the first: after a refusal, or when no answer came in time. */
  readonly retries?: number;
  readonly seed?: number;
}

/** What the adapter did. */
export interface Outcome {
  readonly results: readonly Result[];
  /** Milliseconds of calls that began and ended too late, or were cut. */
  readonly wastedMs: number;
  readonly startedMs: number;
}

interface Running {
  readonly attempt: Attempt;
  readonly startedAt: number;
  readonly startWork: number;
  over: boolean;
}

/**
 * An adapter with `slots` places, a scheduler before it and the clients of a trace. More calls than places share them: a router
 * without control finds out.
 */
export function simulate(
  requests: readonly Request[],
  make: SchedulerMaker,
  circumstances: Circumstances = {},
): Outcome {
  const { slowness = () => 1, changes = [], retries = 0, seed = 1 } = circumstances;
  const draw = random(seed);
  const results = requests.map(
    (request): Result => ({ request, latencyMs: Infinity, startedAt: 0, endedAt: 0, attempts: 0, refused: 0, cut: 0 }),
  );
  const arrivals = new TimeHeap<Attempt>();
  const giveUps = new TimeHeap<Attempt>();
  /** Running calls by the work that each place will have done when they end: all run equally fast. */
  const running = new TimeHeap<Running>();
  const byId = new Map<string, Running>();
  const settled = new Set<string>();
  let now = 0;
  let work = 0;
  let wastedMs = 0;
  let startedMs = 0;
  let slow = slowness(0);
  let nextChange = 0;
  let nextRequest = 0;
  let wokenAt = -1;
  let wokenOften = 0;

  const rate = (): number => Math.min(1, slots / Math.max(1, byId.size)) / slow;

  function arrive(request: Request, number: number, at: number): void {
    arrivals.push(at, { request, number, at, id: `${request.id}.${number}` });
  }

  /** The client hears that this attempt is over, or gives it up. */
  function settle(attempt: Attempt, retryAfterMs: number | undefined): void {
    if (settled.has(attempt.id)) return;
    settled.add(attempt.id);
    if (attempt.number >= retries) return;
    const backoffMs = 500 * 2 ** attempt.number;
    const jitter = 0.5 + draw();
    arrive(attempt.request, attempt.number + 1, now + Math.max(retryAfterMs ?? 0, backoffMs) * jitter);
  }

  const hands: Hands = {
    start(attempt) {
      const one: Running = { attempt, startedAt: now, startWork: work, over: false };
      byId.set(attempt.id, one);
      running.push(work + attempt.request.serviceMs, one);
    },
    refuse(attempt, retryAfterMs) {
      const result = results[attempt.request.id];
      if (result !== undefined) result.refused++;
      settle(attempt, retryAfterMs);
    },
    cut(attempt) {
      const one = byId.get(attempt.id);
      if (one !== undefined) end(one, true);
    },
  };
  const scheduler = make(hands);

  function end(one: Running, isCut: boolean): void {
    const { attempt } = one;
    one.over = true;
    byId.delete(attempt.id);
    const result = results[attempt.request.id] as Result;
    const spent = work - one.startWork;
    startedMs += spent;
    const inTime = !isCut && now - attempt.at <= ttlMs;
    if (inTime && result.latencyMs === Infinity) {
      result.latencyMs = now - attempt.request.at;
      result.startedAt = one.startedAt;
      result.endedAt = now;
      settled.add(attempt.id);
    } else wastedMs += spent;
    if (isCut) {
      result.cut++;
      settle(attempt, undefined);
    }
    const done = isCut ? spent / attempt.request.serviceMs : 1;
    scheduler.done(attempt, now, Math.ceil(attempt.request.cost * done));
  }

  for (;;) {
    while (running.size > 0 && peekOver()) running.pop();
    const endsAt = running.size === 0 ? Infinity : now + (running.peekAt() - work) / rate();
    const comesAt = requests[nextRequest]?.at ?? Infinity;
    const changesAt = changes[nextChange] ?? Infinity;
    const next = Math.min(endsAt, comesAt, arrivals.peekAt(), giveUps.peekAt(), changesAt, scheduler.wakeAt());
    if (
      next === Infinity ||
      (running.size === 0 && byId.size === 0 && nextRequest >= requests.length && next > lastWish())
    )
      return { results, wastedMs, startedMs };
    const at = Math.max(now, next);
    work += (at - now) * rate();
    now = at;
    if (next === changesAt) {
      slow = slowness(now);
      nextChange++;
    } else if (next === endsAt) {
      const one = running.pop();
      if (one !== undefined) {
        work = Math.max(work, one.startWork + one.attempt.request.serviceMs);
        end(one, false);
      }
    } else if (next === comesAt) {
      const request = requests[nextRequest++];
      if (request !== undefined) come({ request, number: 0, at: now, id: `${request.id}.0` });
    } else if (next === arrivals.peekAt()) {
      const attempt = arrivals.pop();
      if (attempt !== undefined) come({ ...attempt, at: now });
    } else if (next === giveUps.peekAt()) {
      const attempt = giveUps.pop();
      if (attempt !== undefined) settle(attempt, undefined);
    } else {
      if (now === wokenAt && ++wokenOften > 1_000) throw new Error("the scheduler wants to be woken for ever");
      if (now > wokenAt) wokenOften = 0;
      wokenAt = now;
      scheduler.wake(now);
    }
  }

  function come(attempt: Attempt): void {
    const result = results[attempt.request.id] as Result;
    result.attempts++;
    if (retries > 0) giveUps.push(now + ttlMs, attempt);
    scheduler.came(attempt, now);
  }

  function peekOver(): boolean {
    return running.peek()?.over === true;
  }

  /** After the last request nothing matters later than the last deadline. */
  function lastWish(): number {
    return (requests[requests.length - 1]?.at ?? 0) + 20 * ttlMs;
  }
}
