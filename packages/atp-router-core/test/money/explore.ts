import type { Ledger, LedgerState } from "../../src/money/index.js";
import type { Amounts, Limits } from "../../src/model/index.js";

/** What is explored: the ledger's own module, or one with a guard taken out of it. */
export interface LedgerModule {
  readonly createLedger: (state?: LedgerState) => Ledger;
  readonly emptyLedger: () => LedgerState;
}

const streams = ["s1", "s2"] as const;
const tenant = "t";
const chainOf = { h1: ["s1", tenant], h2: ["s2", tenant] } as const;
type HoldId = keyof typeof chainOf;
const ids = Object.keys(chainOf) as HoldId[];
const kinds: readonly Amounts[] = [
  { parallel: 1, tokens: 1, usdMicros: 1 },
  { parallel: 0, tokens: 2, usdMicros: 0 },
];
const more: Amounts = { parallel: 0, tokens: 1, usdMicros: 1 };
const own: Limits = { parallel: 1, tokens: 3, usdMicros: 2 };
const ceilings: readonly Limits[] = [
  { parallel: 1, tokens: 3, usdMicros: 2 },
  { parallel: 2, tokens: 2, usdMicros: 1 },
];

/** The books by the letter of A7: every hold with what became of it, and no sums. */
interface Books {
  limits: Record<string, Limits | undefined>;
  holds: Partial<
    Record<HoldId, { scopes: string[]; held: Amounts; used: Amounts; open: boolean; sent: boolean; extended: boolean }>
  >;
  barred: HoldId[];
  leaving: string[];
}

interface Node {
  readonly state: LedgerState;
  readonly books: Books;
  readonly path: readonly string[];
}

const add = (a: Amounts, b: Amounts): Amounts => ({
  parallel: a.parallel + b.parallel,
  tokens: a.tokens + b.tokens,
  usdMicros: a.usdMicros + b.usdMicros,
});
const nothing: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };

function sums(b: Books, scope: string): { posted: Amounts; reserved: Amounts } {
  const holds = Object.values(b.holds).filter((h) => h.scopes.includes(scope));
  return {
    posted: holds.filter((h) => !h.open).reduce((n, h) => add(n, h.used), nothing),
    reserved: holds.filter((h) => h.open).reduce((n, h) => add(n, h.held), nothing),
  };
}

function room(b: Books, scopes: readonly string[], asked: Amounts): boolean {
  return scopes.every((scope) => {
    const { posted, reserved } = sums(b, scope);
    const limit = b.limits[scope] ?? own;
    return (["parallel", "tokens", "usdMicros"] as const).every(
      (d) => asked[d] === 0 || posted[d] + reserved[d] + asked[d] <= (limit[d] ?? Infinity),
    );
  });
}

function leave(b: Books, scope: string): void {
  const holds = Object.values(b.holds).filter((h) => h.scopes.includes(scope));
  if (holds.some((h) => h.open)) {
    if (!b.leaving.includes(scope)) b.leaving.push(scope);
    return;
  }
  b.leaving = b.leaving.filter((s) => s !== scope);
  for (const h of holds) h.scopes = h.scopes.filter((s) => s !== scope);
  b.limits[scope] = undefined;
}

function end(b: Books, id: HoldId, used: Amounts): void {
  const h = b.holds[id];
  if (h === undefined || !h.open) return;
  Object.assign(h, { open: false, used });
  for (const scope of [...b.leaving]) leave(b, scope);
}

interface Op {
  readonly name: string;
  /** What the books say should come of it. */
  readonly books: (b: Books) => unknown;
  readonly ledger: (l: Ledger) => unknown;
}

function reserveOp(id: HoldId, amounts: Amounts): Op {
  const scopes = chainOf[id].map((key, i) => ({
    source: i === 0 ? ("stream" as const) : ("tenant" as const),
    key,
    limits: own,
  }));
  return {
    name: `reserve ${id} ${JSON.stringify(amounts)}`,
    books(b) {
      const known = b.holds[id];
      if (known !== undefined) return known.open;
      if (b.barred.includes(id)) return false;
      // Being asked is enough for a scope to be known.
      for (const key of chainOf[id]) b.limits[key] ??= own;
      if (!room(b, chainOf[id], amounts)) return false;
      b.leaving = b.leaving.filter((s) => !(chainOf[id] as readonly string[]).includes(s));
      b.holds[id] = {
        scopes: [...chainOf[id]],
        held: amounts,
        used: nothing,
        open: true,
        sent: false,
        extended: false,
      };
      return true;
    },
    ledger: (l) => l.reserve({ hold: id, scopes, amounts, ttlMs: 0, at: 0 }).ok,
  };
}

/** Both holds at once, over the scopes of the first: all or none. */
function groupOp(amounts: Amounts): Op {
  const chain = chainOf.h1;
  const scopes = chain.map((key, i) => ({
    source: i === 0 ? ("stream" as const) : ("tenant" as const),
    key,
    limits: own,
  }));
  return {
    name: `reserve h1 and h2 ${JSON.stringify(amounts)}`,
    books(b) {
      const fresh = ids.filter((id) => b.holds[id]?.open !== true);
      if (fresh.some((id) => b.holds[id] !== undefined || b.barred.includes(id))) return false;
      for (const key of chain) b.limits[key] ??= own;
      if (
        !room(
          b,
          chain,
          fresh.reduce((sum) => add(sum, amounts), nothing),
        )
      )
        return false;
      if (fresh.length > 0) b.leaving = b.leaving.filter((s) => !(chain as readonly string[]).includes(s));
      for (const id of fresh)
        b.holds[id] = { scopes: [...chain], held: amounts, used: nothing, open: true, sent: false, extended: false };
      return true;
    },
    ledger: (l) => l.reserveAll({ holds: ids.map((hold) => ({ hold, amounts })), scopes, ttlMs: 0, at: 0 }).ok,
  };
}

function holdOps(id: HoldId): Op[] {
  return [
    ...kinds.map((amounts) => reserveOp(id, amounts)),
    {
      name: `extend ${id}`,
      books(b) {
        const h = b.holds[id];
        if (h === undefined || !h.open) return false;
        if (h.extended) return true;
        if (!room(b, h.scopes, more)) return false;
        Object.assign(h, { held: add(h.held, more), extended: true });
        return true;
      },
      ledger: (l) => l.extend(id, 1, more).ok,
    },
    {
      name: `dispatched ${id}`,
      books(b) {
        const h = b.holds[id];
        if (h?.open === true) h.sent = true;
      },
      ledger: (l) => void l.dispatched(id),
    },
    {
      name: `recalled ${id}`,
      books(b) {
        const h = b.holds[id];
        if (h?.open === true) h.sent = false;
      },
      ledger: (l) => void l.recalled(id),
    },
    {
      // More tokens than any hold has, and no more money: an overrun in one dimension.
      name: `settle ${id}`,
      books: (b) => end(b, id, { parallel: 0, tokens: 4, usdMicros: 1 }),
      ledger: (l) => void l.settle(id, { tokens: 4, usdMicros: 1 }),
    },
    {
      name: `void ${id}`,
      books(b) {
        if (b.holds[id] === undefined && !b.barred.includes(id)) b.barred = [...b.barred, id].sort();
        end(b, id, nothing);
      },
      ledger: (l) => void l.void(id),
    },
  ];
}

const ops: readonly Op[] = [
  ...ids.flatMap(holdOps),
  groupOp({ parallel: 1, tokens: 1, usdMicros: 1 }),
  ...ceilings.map((limits, i) => ({
    name: `limit ${i}`,
    books: (b: Books) => void (b.limits[tenant] = limits),
    ledger: (l: Ledger) => void l.setLimit(tenant, limits),
  })),
  { name: "forget s1", books: (b) => leave(b, "s1"), ledger: (l) => l.forget("s1") },
  {
    name: "sweep",
    books(b) {
      const over = ids.filter((id) => b.holds[id]?.open === true);
      for (const id of over) {
        const h = b.holds[id];
        if (h !== undefined) end(b, id, h.sent ? { ...h.held, parallel: 0 } : nothing);
      }
      return over;
    },
    ledger: (l) => [...l.sweep(1e9)].sort(),
  },
];

function told(l: Ledger): unknown {
  return [...streams, tenant].map((scope) => l.read(scope));
}

function wanted(b: Books): unknown {
  return [...streams, tenant].map((scope) => {
    const limits = b.limits[scope];
    return limits === undefined ? undefined : { limits, ...sums(b, scope) };
  });
}

const plain = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (v instanceof Map ? [...v].sort() : v instanceof Set ? [...v].sort() : v));

/** The shortest way to a step after which the ledger and its books differ; undefined when there is none. */
export interface Exploration {
  readonly states: number;
  readonly counterexample?: { readonly path: readonly string[]; readonly why: string };
}

/**
 * Explores every state that two holds of two streams of one tenant can reach, breadth first, with every operation at every state,
 * and compares the ledger with its books after each.
 */
export function explore({ createLedger, emptyLedger }: LedgerModule): Exploration {
  const first: Node = { state: emptyLedger(), books: { limits: {}, holds: {}, barred: [], leaving: [] }, path: [] };
  const seen = new Set([plain([first.state, first.books])]);
  const queue: Node[] = [first];
  for (const node of queue) {
    for (const op of ops) {
      const path = [...node.path, op.name];
      const books = JSON.parse(JSON.stringify(node.books)) as Books;
      const ledger = createLedger(structuredClone(node.state));
      const expected = op.books(books);
      let why: string | undefined;
      try {
        const got = op.ledger(ledger);
        if (plain(got) !== plain(expected)) why = `it answered ${plain(got)} and not ${plain(expected)}`;
        else if (plain(told(ledger)) !== plain(wanted(books)))
          why = `its books are ${plain(told(ledger))} and not ${plain(wanted(books))}`;
      } catch (error) {
        why = `it threw ${String(error)}`;
      }
      if (why !== undefined) return { states: seen.size, counterexample: { path, why } };
      const id = plain([ledger.state, books]);
      if (seen.has(id)) continue;
      seen.add(id);
      queue.push({ state: ledger.state, books, path });
    }
  }
  return { states: seen.size };
}
