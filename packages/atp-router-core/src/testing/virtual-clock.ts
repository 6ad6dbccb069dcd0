import type { Ms } from "../model/index.js";
import type { Clock, Rng } from "../ports/index.js";

/** Time that passes only when it is told to. */
export interface VirtualClock extends Clock {
  /**
   * Runs everything that is due up to `ms` from now, in order of time; what is due at the same moment runs in an order drawn
   * from the seed. After each callback all promises it settled are run, so the same seed gives the same run.
   */
  advance(ms: Ms): Promise<void>;
  /**
   * Runs until `done` answers true.
   * @throws Error when `limitMs` of virtual time pass without it.
   */
  until(done: () => boolean, limitMs?: Ms): Promise<void>;
  /** Lets promises run without letting time pass. */
  flush(): Promise<void>;
}

/** Seeded randomness: xorshift32. Same seed, same numbers; not for secrets. */
export function seededRng(seed: number): Rng {
  // Zero is the one state that xorshift never leaves.
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  const u32 = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    u32,
    hex(bytes) {
      let text = "";
      for (let i = 0; i < bytes; i++) text += (u32() & 0xff).toString(16).padStart(2, "0");
      return text;
    },
  };
}

interface Entry {
  readonly when: Ms;
  readonly tie: number;
  readonly order: number;
  readonly fn: () => void;
  stopped: boolean;
}

function before(a: Entry, b: Entry): boolean {
  if (a.when !== b.when) return a.when < b.when;
  return a.tie === b.tie ? a.order < b.order : a.tie < b.tie;
}

/** A virtual clock with one seeded event heap. @param seed default 1 */
export function createVirtualClock(seed = 1): VirtualClock {
  const heap: Entry[] = [];
  const rng = seededRng(seed);
  let now: Ms = 0;
  let order = 0;

  function push(entry: Entry): void {
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!before(entry, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  function pop(): Entry | undefined {
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, heap[child] as Entry)) child++;
      const below = heap[child] as Entry;
      if (!before(below, last)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
    return top;
  }

  const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  async function runNext(limit: Ms): Promise<boolean> {
    while (heap[0]?.stopped === true) pop();
    const next = heap[0];
    if (next === undefined || next.when > limit) return false;
    pop();
    now = Math.max(now, next.when);
    next.fn();
    await flush();
    return true;
  }

  return {
    now: () => now,
    wall: () => 1_750_000_000_000 + now,
    at(when, fn) {
      const entry: Entry = { when: Math.max(now, when), tie: rng.u32(), order: order++, fn, stopped: false };
      push(entry);
      return () => {
        entry.stopped = true;
      };
    },
    flush,
    async advance(ms) {
      const limit = now + ms;
      await flush();
      while (await runNext(limit));
      now = limit;
    },
    async until(done, limitMs = 600_000) {
      const limit = now + limitMs;
      await flush();
      while (!done()) {
        if (!(await runNext(limit))) throw new Error(`not done within ${limitMs} virtual ms (seed ${seed})`);
      }
    },
  };
}
