import type { Clock } from "../../../src/ports/index.js";

/** The machine's time, which can be moved on at once: what is due on the way runs in order, each at its own time. */
export interface LeapingClock extends Clock {
  advance(ms: number): Promise<void>;
}

interface Entry {
  readonly when: number;
  readonly fn: () => void;
  timer: NodeJS.Timeout | undefined;
}

export function leapingClock(): LeapingClock {
  const entries = new Set<Entry>();
  let ahead = 0;
  const now = (): number => performance.now() + ahead;

  function run(entry: Entry): void {
    clearTimeout(entry.timer);
    if (entries.delete(entry)) entry.fn();
  }

  function arm(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => run(entry), Math.max(0, entry.when - now()));
    entry.timer.unref();
  }

  return {
    now,
    wall: () => Date.now() + ahead,
    at(when, fn) {
      const entry: Entry = { when, fn, timer: undefined };
      entries.add(entry);
      arm(entry);
      return () => {
        clearTimeout(entry.timer);
        entries.delete(entry);
      };
    },
    async advance(ms) {
      const until = now() + ms;
      for (;;) {
        const next = [...entries].sort((a, b) => a.when - b.when)[0];
        if (next === undefined || next.when > until) break;
        ahead += Math.max(0, next.when - now());
        run(next);
        await Promise.resolve();
      }
      ahead += Math.max(0, until - now());
      for (const entry of entries) arm(entry);
    },
  };
}
