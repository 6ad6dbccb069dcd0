/** What was spent of each scope, counted beside the ledger by what adapters billed. */
import type { HoldScope, Limits, ScopeBalance } from "atp-router-core";

const spendable = ["tokens", "usdMicros"] as const;
const dimensions = ["parallel", ...spendable] as const;
type Counts = Record<(typeof dimensions)[number], number>;

/** A scope beside its books. */
export interface Tally {
  readonly key: string;
  readonly source: HoldScope["source"];
  limits: Limits;
  /** The most that may be spent from now on: the ceiling, or what was posted and reserved when it was lowered (A7.6). */
  most: Counts;
  /** What adapters billed. */
  readonly spent: { tokens: number; usdMicros: number };
}

/** Counts what was spent, and how high it came. */
export interface Tallies {
  open(key: string, source: HoldScope["source"], limits: Limits): void;
  /** An adapter billed a call. */
  billed(key: string, used: { readonly tokens: number; readonly usdMicros: number }): void;
  /** What the ledger's own books say. */
  books(key: string, balance: ScopeBalance): void;
  limit(key: string, limits: Limits, before: ScopeBalance): void;
  all(): Iterable<Tally>;
  some(below: (n: number) => number, count: number): readonly Tally[];
  told(): { readonly highest: number; readonly over: number; readonly byKind: Readonly<Record<string, number>> };
}

function countsOf({ parallel = 0, tokens = 0, usdMicros = 0 }: Limits): Counts {
  return { parallel, tokens, usdMicros };
}

/** Tallies of nothing yet. */
export function createTallies(): Tallies {
  const tallies = new Map<string, Tally>();
  const newest: Tally[] = [];
  const byKind: Record<string, number> = {};
  let highest = 0;
  let over = 0;

  function seen(tally: Tally, dimension: string, ratio: number): void {
    highest = Math.max(highest, ratio);
    if (ratio > 1) over++;
    const kind = `${tally.source} ${dimension}`;
    byKind[kind] = Math.max(byKind[kind] ?? 0, ratio);
  }

  return {
    open(key, source, limits) {
      if (tallies.has(key)) return;
      const most = countsOf(limits);
      const tally = { key, source, limits, most, spent: { tokens: 0, usdMicros: 0 } };
      tallies.set(key, tally);
      newest.push(tally);
      if (newest.length > 600) newest.shift();
    },
    billed(key, used) {
      const tally = tallies.get(key);
      if (tally === undefined) return;
      for (const dimension of spendable) {
        tally.spent[dimension] += used[dimension];
        seen(tally, dimension, tally.spent[dimension] / tally.most[dimension]);
      }
    },
    books(key, { posted, reserved }) {
      const tally = tallies.get(key);
      if (tally === undefined) return;
      seen(tally, "parallel", reserved.parallel / tally.most.parallel);
      for (const dimension of spendable) seen(tally, dimension, posted[dimension] / tally.most[dimension]);
    },
    limit(key, limits, { posted, reserved }) {
      const tally = tallies.get(key);
      if (tally === undefined) return;
      tally.limits = limits;
      tally.most = countsOf(limits);
      for (const d of dimensions) tally.most[d] = Math.max(tally.most[d], posted[d] + reserved[d]);
    },
    all: () => tallies.values(),
    some: (below, count) =>
      newest.length === 0 ? [] : Array.from({ length: count }, () => newest[below(newest.length)] as Tally),
    told: () => ({ highest, over, byKind }),
  };
}
