import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXPIRY_GRACE_MS, createLedger } from "../../src/money/index.js";
import type { Ledger } from "../../src/money/index.js";
import type { Amounts, HoldScope } from "../../src/model/index.js";

const dimensions = ["parallel", "tokens", "usdMicros"] as const;
const scopeKeys = ["tenant", "session-1", "session-2", "stream-1", "stream-2", "stream-3"] as const;
/** Each stream with its session and tenant. */
const chains = [
  ["stream-1", "session-1", "tenant"],
  ["stream-2", "session-1", "tenant"],
  ["stream-3", "session-2", "tenant"],
] as const;

type Triple = [number, number, number];

/**
 * The books as an accountant would keep them: every hold ever asked, and nothing summed in advance. Written without a look
 * at the ledger.
 */
class Model {
  now = 0;
  limits = new Map<string, Triple>();
  holds = new Map<
    string,
    {
      chain: readonly string[];
      held: Triple;
      used: Triple;
      open: boolean;
      sent: boolean;
      until: number;
      attempts: Set<number>;
    }
  >();
  barred = new Set<string>();

  posted(key: string): Triple {
    const rows = [...this.holds.values()].filter((h) => h.chain.includes(key) && !h.open);
    return [0, 1, 2].map((d) => rows.reduce((n, h) => n + (h.used[d] as number), 0)) as Triple;
  }
  reserved(key: string): Triple {
    const rows = [...this.holds.values()].filter((h) => h.chain.includes(key) && h.open);
    return [0, 1, 2].map((d) => rows.reduce((n, h) => n + (h.held[d] as number), 0)) as Triple;
  }
  room(chain: readonly string[], asked: Triple): boolean {
    return chain.every((key) => {
      const [p, r, l] = [this.posted(key), this.reserved(key), this.limits.get(key) as Triple];
      return asked.every((n, d) => n === 0 || (p[d] as number) + (r[d] as number) + n <= (l[d] as number));
    });
  }
  end(id: string, used: Triple): void {
    const h = this.holds.get(id);
    if (h?.open) Object.assign(h, { open: false, used });
  }
}

const amountsOf = ([parallel, tokens, usdMicros]: Triple): Amounts => ({ parallel, tokens, usdMicros });
const limitsOf = amountsOf;

/** What must hold after every step. */
function compare(model: Model, ledger: Ledger): void {
  const told: Record<string, unknown> = {};
  const wanted: Record<string, unknown> = {};
  const sums = { posted: new Map<string, Triple>(), reserved: new Map<string, Triple>() };
  for (const key of scopeKeys) {
    const balance = ledger.read(key);
    if (balance === undefined) continue;
    // I3: what is reserved is the sum of the open holds. I5: what is posted is the sum of what calls used. I8: parallel is how many run.
    told[key] = [balance.posted, balance.reserved];
    wanted[key] = [amountsOf(model.posted(key)), amountsOf(model.reserved(key))];
    for (const side of ["posted", "reserved"] as const) {
      const values = dimensions.map((d) => balance[side][d]) as Triple;
      // I6: nothing is ever negative.
      if (Math.min(...values) < 0) throw new Error(`${key} ${side} is ${values.join()}`);
      // I2: the outer scope's books are the sums of the inner ones'.
      const parent = key.startsWith("stream") ? (chains.find(([s]) => s === key)?.[1] ?? "") : "tenant";
      if (key !== "tenant") {
        const sum = sums[side].get(parent) ?? [0, 0, 0];
        sums[side].set(parent, sum.map((n, d) => n + (values[d] as number)) as Triple);
      }
    }
  }
  for (const side of ["posted", "reserved"] as const)
    for (const [parent, sum] of sums[side]) {
      const balance = ledger.read(parent) ?? { posted: amountsOf([0, 0, 0]), reserved: amountsOf([0, 0, 0]) };
      told[`${side} of ${parent}`] = balance[side];
      wanted[`${side} of ${parent}`] = amountsOf(sum);
    }
  expect(told).toEqual(wanted);
}

type Step = fc.Command<Model, Ledger>;
const step = (name: string, run: (m: Model, l: Ledger) => void): Step => ({
  check: () => true,
  run: (m, l) => {
    run(m, l);
    compare(m, l);
  },
  toString: () => name,
});

const scopesOf = (m: Model, chain: readonly string[]): HoldScope[] =>
  chain.map((key, i) => ({
    source: (["stream", "session", "tenant"] as const)[i] ?? "tenant",
    key,
    limits: limitsOf(m.limits.get(key) as Triple),
  }));

// Few ids and small numbers, so that repeats, reorderings and full windows are the rule and not the exception.
const id = fc.integer({ min: 0, max: 11 }).map((n) => `h${n}`);
const amount: fc.Arbitrary<Triple> = fc.tuple(
  fc.integer({ min: 0, max: 2 }),
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 40 }),
);
const limit: fc.Arbitrary<Triple> = fc.tuple(
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 0, max: 120 }),
  fc.integer({ min: 0, max: 120 }),
);

const steps = [
  fc.tuple(id, fc.constantFrom(...chains), amount, fc.integer({ min: 0, max: 20_000 })).map(([h, chain, asked, ttl]) =>
    step(`reserve ${h} ${chain[0]} ${asked.join()} for ${ttl}`, (m, l) => {
      const repeated = m.holds.get(h);
      const may = repeated?.open ?? (!m.barred.has(h) && m.room(chain, asked));
      if (may && repeated === undefined)
        m.holds.set(h, {
          chain,
          held: [...asked],
          used: [0, 0, 0],
          open: true,
          sent: false,
          until: m.now + ttl + EXPIRY_GRACE_MS,
          attempts: new Set(),
        });
      const result = l.reserve({
        hold: h,
        scopes: scopesOf(m, chain),
        amounts: amountsOf(asked),
        ttlMs: ttl,
        at: m.now,
      });
      expect(result.ok).toBe(may);
      // I1: at each grant the sum is within every limit.
      if (result.ok && repeated === undefined)
        for (const key of chain)
          for (const [d, dimension] of dimensions.entries())
            if ((asked[d] as number) > 0) {
              const b = l.read(key);
              expect((b?.posted[dimension] ?? 0) + (b?.reserved[dimension] ?? 0)).toBeLessThanOrEqual(
                b?.limits[dimension] ?? Infinity,
              );
            }
    }),
  ),
  fc
    .tuple(fc.uniqueArray(id, { minLength: 2, maxLength: 3 }), fc.constantFrom(...chains), amount)
    .map(([ids, chain, asked]) =>
      step(`reserve together ${ids.join("+")} ${chain[0]} ${asked.join()} each`, (m, l) => {
        const fresh = ids.filter((h) => m.holds.get(h)?.open !== true);
        const closed = fresh.some((h) => m.holds.has(h) || m.barred.has(h));
        const sum = asked.map((n) => n * fresh.length) as Triple;
        // I1 for a group: its sum fits, or none of it is granted.
        const may = !closed && m.room(chain, sum);
        if (may)
          for (const h of fresh)
            m.holds.set(h, {
              chain,
              held: [...asked],
              used: [0, 0, 0],
              open: true,
              sent: false,
              until: m.now + 10_000 + EXPIRY_GRACE_MS,
              attempts: new Set(),
            });
        const result = l.reserveAll({
          holds: ids.map((hold) => ({ hold, amounts: amountsOf(asked) })),
          scopes: scopesOf(m, chain),
          ttlMs: 10_000,
          at: m.now,
        });
        expect(result.ok).toBe(may);
      }),
    ),
  fc.tuple(id, fc.integer({ min: 1, max: 3 }), amount).map(([h, attempt, more]) =>
    step(`extend ${h} #${attempt} ${more.join()}`, (m, l) => {
      const hold = m.holds.get(h);
      const may = hold?.open === true && (hold.attempts.has(attempt) || m.room(hold.chain, more));
      if (may && !hold.attempts.has(attempt)) {
        hold.attempts.add(attempt);
        hold.held = hold.held.map((n, d) => n + (more[d] as number)) as Triple;
      }
      expect(l.extend(h, attempt, amountsOf(more)).ok).toBe(may);
    }),
  ),
  id.map((h) =>
    step(`dispatched ${h}`, (m, l) => {
      const hold = m.holds.get(h);
      if (hold?.open) hold.sent = true;
      l.dispatched(h);
    }),
  ),
  fc.tuple(id, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 })).map(([h, tokens, usdMicros]) =>
    step(`settle ${h} ${tokens} ${usdMicros}`, (m, l) => {
      m.end(h, [0, tokens, usdMicros]);
      l.settle(h, { tokens, usdMicros });
    }),
  ),
  id.map((h) =>
    step(`void ${h}`, (m, l) => {
      if (!m.holds.has(h)) m.barred.add(h);
      m.end(h, [0, 0, 0]);
      l.void(h);
    }),
  ),
  fc.tuple(fc.constantFrom(...scopeKeys), limit).map(([key, limits]) =>
    step(`limit ${key} ${limits.join()}`, (m, l) => {
      const before = l.read(key);
      m.limits.set(key, limits);
      l.setLimit(key, limitsOf(limits));
      // I9: a lowered limit takes nothing back and adds nothing: what stands then is the most that is spent above it.
      const after = l.read(key);
      if (before !== undefined) expect([after?.posted, after?.reserved]).toEqual([before.posted, before.reserved]);
    }),
  ),
  fc.integer({ min: 1, max: 15_000 }).map((ms) =>
    step(`sweep after ${ms}`, (m, l) => {
      m.now += ms;
      const over = [...m.holds].filter(([, h]) => h.open && h.until <= m.now);
      for (const [h, { sent, held }] of over) m.end(h, sent ? [0, held[1], held[2]] : [0, 0, 0]);
      expect([...l.sweep(m.now)].sort()).toEqual(over.map(([h]) => h).sort());
    }),
  ),
];

describe("ledger against an independent model", () => {
  it("A7.1 A7.2 A7.4 A7.6 I1 to I9: same grants, same books, whatever is repeated, reordered, expired or lowered", () => {
    fc.assert(
      fc.property(fc.commands(steps, { maxCommands: 80, size: "max" }), (commands) => {
        let real = createLedger();
        fc.modelRun(() => {
          const model = new Model();
          for (const key of scopeKeys) model.limits.set(key, [4, 120, 120]);
          real = createLedger();
          return { model, real };
        }, commands);
        // I7: whatever was left open is resolved once its time and the grace are over.
        real.sweep(Number.MAX_SAFE_INTEGER);
        expect(real.state.holds.size).toBe(0);
        for (const key of scopeKeys)
          expect(Object.values(real.read(key)?.reserved ?? {}).every((n) => n === 0)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it("A7.2 I4 every hold is resolved exactly once: with all resolved nothing is reserved and posted is what was used", () => {
    const use = fc.record({
      asked: amount,
      end: fc.constantFrom("settle", "void", "expire", "expire-sent"),
      used: fc.integer({ min: 0, max: 60 }),
      repeats: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(use, { maxLength: 60 }), (uses) => {
        const ledger = createLedger();
        let spent = 0;
        uses.forEach(({ asked, end, used, repeats }, i) => {
          const scopes = [{ source: "tenant" as const, key: "tenant", limits: {} }];
          ledger.reserve({ hold: `h${i}`, scopes, amounts: amountsOf(asked), ttlMs: 10, at: i });
          if (end === "expire-sent") ledger.dispatched(`h${i}`);
          for (let n = 0; n < repeats; n++) {
            if (end === "settle") ledger.settle(`h${i}`, { tokens: used, usdMicros: 0 });
            if (end === "void") ledger.void(`h${i}`);
          }
          spent += end === "settle" ? used : end === "expire-sent" ? asked[1] : 0;
        });
        ledger.sweep(1e9);
        ledger.sweep(2e9);
        if (uses.length > 0)
          expect(ledger.read("tenant")).toMatchObject({
            reserved: { parallel: 0, tokens: 0, usdMicros: 0 },
            posted: { tokens: spent },
          });
        expect(ledger.state.holds.size).toBe(0);
      }),
    );
  });
});
