import type { Amounts, Limits } from "../model/index.js";

/** A period that a tenant's budget is for: of the calendar in UTC, or the last so many milliseconds. */
export type Period = "hour" | "day" | "month" | { readonly slidingMs: number };

/** One period of the calendar. Unix milliseconds; `endsAt` is the next one's start. */
export interface CalendarPeriod {
  /** Such as `2026-11-23T14`, `2026-11-23`, `2026-11`. */
  readonly name: string;
  readonly startsAt: number;
  readonly endsAt: number;
}

/** The period of the calendar that a time is in. @param wallMs Unix milliseconds */
export function calendarPeriod(kind: "hour" | "day" | "month", wallMs: number): CalendarPeriod {
  const date = new Date(wallMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const text = date.toISOString();
  switch (kind) {
    case "month":
      return { name: text.slice(0, 7), startsAt: Date.UTC(year, month), endsAt: Date.UTC(year, month + 1) };
    case "day": {
      const startsAt = Date.UTC(year, month, date.getUTCDate());
      return { name: text.slice(0, 10), startsAt, endsAt: startsAt + 86_400_000 };
    }
    case "hour": {
      const startsAt = Date.UTC(year, month, date.getUTCDate(), date.getUTCHours());
      return { name: text.slice(0, 13), startsAt, endsAt: startsAt + 3_600_000 };
    }
  }
}

/**
 * The ledger's scope of a tenant: each period of the calendar is a scope of its own, so a new one begins with nothing posted, and a
 * hold that runs over the boundary is settled where it was reserved. A sliding budget and one without a period have one scope.
 */
export function tenantScope(tenant: string, period: Period | undefined, wallMs: number): string {
  if (period === undefined || typeof period === "object") return `tenant:${tenant}`;
  return `tenant:${tenant}@${calendarPeriod(period, wallMs).name}`;
}

/**
 * A sliding budget on a ledger that only ever posts: the ceiling of the scope is the budget plus what was posted up to the start
 * of the window. It only rises, so what was granted under an older ceiling is still within every later window.
 */
export interface SlidingBudget {
  /**
   * The ceilings now. What is told late is only freed late: it counts as posted when it was told.
   * @param posted everything the scope has posted since it began
   */
  limitsAt(posted: Amounts, at: number): Limits;
  /** When the ceilings may next rise; null when nothing posted is still in the window. */
  nextRiseAt(): number | null;
}

interface Mark {
  readonly at: number;
  readonly tokens: number;
  readonly usdMicros: number;
}

/**
 * A sliding budget in steps of a fraction of its window. What is posted within a step counts as posted at its end, so the true
 * sliding sum never exceeds the budget; what was spent is back at most one step late.
 *
 * @param options.steps default 60
 * @param options.base what is known to have left the window before; default nothing
 * @throws RangeError when the window or the number of steps is not above 0.
 */
export function createSlidingBudget(options: {
  readonly limits: Limits;
  readonly slidingMs: number;
  readonly steps?: number;
  readonly base?: Amounts;
}): SlidingBudget {
  const { limits, slidingMs } = options;
  const steps = options.steps ?? 60;
  if (!(slidingMs > 0) || !(steps >= 1)) throw new RangeError("a sliding budget needs a window and steps above 0");
  const stepMs = slidingMs / steps;
  /** What was posted when it was told, oldest first; the first is what had been posted before the window. */
  const marks: Mark[] = [];
  const { tokens = 0, usdMicros = 0 } = options.base ?? {};
  let base: Mark = { at: -Infinity, tokens, usdMicros };

  return {
    limitsAt(posted, at) {
      // Marks that are as old as the window are spent outside of it.
      for (let oldest = marks[0]; oldest !== undefined && oldest.at <= at - slidingMs; oldest = marks[0]) {
        base = oldest;
        marks.shift();
      }
      const last = marks.at(-1) ?? base;
      if (posted.tokens > last.tokens || posted.usdMicros > last.usdMicros) {
        // Several tellings within a step make one mark, at its latest time: nothing leaves the window early.
        if (marks.length > 0 && at - (marks.at(-2)?.at ?? -Infinity) < stepMs) marks.pop();
        marks.push({ at, tokens: posted.tokens, usdMicros: posted.usdMicros });
      }
      return {
        ...limits,
        ...(limits.tokens === undefined ? {} : { tokens: limits.tokens + base.tokens }),
        ...(limits.usdMicros === undefined ? {} : { usdMicros: limits.usdMicros + base.usdMicros }),
      };
    },
    nextRiseAt: () => (marks[0] === undefined ? null : marks[0].at + slidingMs),
  };
}
