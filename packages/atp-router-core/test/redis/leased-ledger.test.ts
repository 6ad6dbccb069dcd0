import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Amounts, HoldScope, Limits } from "../../src/model/index.js";
import { createLeasedLedgerStore } from "../../src/redis/index.js";
import type { LeasedLedgerStore, LeasePressure } from "../../src/redis/index.js";
import { createMemoryLedgerStore } from "../../src/runtime/memory-ledger-store.js";
import { ledgerStoreCompliance } from "../../src/testing/ledger-compliance.js";
import { faultyLedger } from "../../src/testing/faulty-ledger.js";
import { createVirtualClock, seededRng } from "../../src/testing/virtual-clock.js";
import type { VirtualClock } from "../../src/testing/virtual-clock.js";
import type { LedgerStore } from "../../src/ports/index.js";

const call: Amounts = { parallel: 1, tokens: 100, usdMicros: 1_000 };
const nothing: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };

/** Routers of one process tell one another directly. */
function pressureOfProcess(): LeasePressure {
  const listeners = new Set<(scope: string) => void>();
  return {
    tell: (scope) => {
      for (const listener of listeners) listener(scope);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function routers(clock: VirtualClock, shared: LedgerStore, count: number): LeasedLedgerStore[] {
  const pressure = pressureOfProcess();
  return Array.from({ length: count }, (_, i) => createLeasedLedgerStore({ shared, clock, pressure, router: `r${i}` }));
}
const scopes = (limits: Limits, stream = "1"): readonly HoldScope[] => [
  { source: "stream", key: `stream:${stream}`, limits: {} },
  { source: "tenant", key: "tenant:acme", limits },
];

// A lease of one scope lies between the tenant's books and the hold, so the suite sees the shared books only when nothing is leased:
// with a share of 0 each chunk is one hold, and every rule must hold to the letter.
ledgerStoreCompliance(
  "leased, a chunk for each hold",
  async ({ clock }) => {
    const shared = createMemoryLedgerStore(clock);
    const store = createLeasedLedgerStore({ shared, clock, share: 0, router: "r0", ageMs: 0 });
    return store;
  },
  { describe, it, expect },
);

describe("leased budgets", () => {
  it("A7.1 routers together never hold more than the limit, whatever they do", async () => {
    const operation = fc.record({
      router: fc.nat({ max: 2 }),
      id: fc.nat({ max: 9 }),
      op: fc.constantFrom("reserve", "reserve", "dispatched", "settle", "void", "extend", "advance", "sweep"),
      size: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
        const clock = createVirtualClock();
        const limit = 200;
        const shared = createMemoryLedgerStore(clock);
        const stores = routers(clock, shared, 3);
        /** What calls that left have used, at most what they held. */
        let spent = 0;
        const held = new Map<string, number>();
        for (const { router, id, op, size } of operations) {
          const store = stores[router] as LeasedLedgerStore;
          const hold = `${router}.${id}`;
          const amounts = { ...nothing, usdMicros: size };
          if (op === "reserve" && !held.has(hold)) {
            const result = await store.reserve(hold, scopes({ usdMicros: limit }, hold), amounts, 60_000);
            if (result.ok) held.set(hold, size);
          } else if (op === "dispatched") await store.dispatched(hold);
          else if (op === "settle" && held.has(hold)) {
            const used = Math.min(size, held.get(hold) ?? 0);
            spent += used;
            held.delete(hold);
            await store.settle(hold, { tokens: 0, usdMicros: used });
          } else if (op === "void") {
            held.delete(hold);
            await store.void(hold);
          } else if (op === "extend" && held.has(hold)) {
            if ((await store.extend(hold, size, amounts)).ok) held.set(hold, (held.get(hold) ?? 0) + size);
          } else if (op === "advance") await clock.advance(size * 50);
          const running = [...held.values()].reduce((a, b) => a + b, 0);
          expect(spent + running).toBeLessThanOrEqual(limit);
          const books = await shared.read("tenant:acme");
          if (books !== undefined) expect(books.posted.usdMicros + books.reserved.usdMicros).toBeLessThanOrEqual(limit);
        }
        // Everything ends: nothing stays held, and what was used is posted, no more and no less.
        for (const hold of held.keys()) await (stores[Number(hold[0])] as LeasedLedgerStore).void(hold);
        for (const store of stores) await store.giveBack();
        const books = await shared.read("tenant:acme");
        expect(books?.reserved.usdMicros ?? 0).toBe(0);
        expect(books?.posted.usdMicros ?? 0).toBe(spent);
      }),
      { numRuns: 150 },
    );
  });

  it("holds inside a chunk without asking the shared books", async () => {
    const clock = createVirtualClock();
    const shared = createMemoryLedgerStore(clock);
    let asked = 0;
    const counting: LedgerStore = {
      ...shared,
      reserve: (...args) => {
        asked++;
        return shared.reserve(...args);
      },
    };
    const [store] = routers(clock, counting, 1);
    for (let i = 0; i < 20; i++)
      await store?.reserve(`h${i}`, scopes({ usdMicros: 1_000_000_000 }, `${i}`), call, 1_000);
    expect(asked).toBe(1);
  });

  it("gives an idle chunk back, so that another router gets all that is left", async () => {
    const clock = createVirtualClock();
    const shared = createMemoryLedgerStore(clock);
    const [first, second] = routers(clock, shared, 2);
    await first?.reserve("a", scopes({ usdMicros: 32_000 }), call, 1_000);
    await first?.settle("a", { tokens: 1, usdMicros: 10 });
    await clock.advance(600);
    expect(await shared.read("tenant:acme")).toMatchObject({ posted: { usdMicros: 10 }, reserved: nothing });
    const all = { ...nothing, usdMicros: 31_990 };
    expect(await second?.reserve("b", scopes({ usdMicros: 32_000 }), all, 1_000)).toEqual({ ok: true });
  });

  it("a router that is refused gets what the others do not use, at once", async () => {
    const clock = createVirtualClock();
    const shared = createMemoryLedgerStore(clock);
    const [first, second] = routers(clock, shared, 2);
    const limits = { usdMicros: 32_000 };
    await first?.reserve("a", scopes(limits), { ...nothing, usdMicros: 500 }, 1_000);
    await first?.settle("a", { tokens: 0, usdMicros: 500 });
    const rest = { ...nothing, usdMicros: 31_500 };
    const refused = await second?.reserve("b", scopes(limits), rest, 1_000);
    expect(refused).toMatchObject({ ok: false, refusal: { remedy: "wait" } });
    expect(await second?.reserve("c", scopes(limits), rest, 1_000)).toEqual({ ok: true });
  });

  it("a chunk that is asked back the moment it is granted still carries the hold that it was for", async () => {
    const clock = createVirtualClock();
    const inner = createMemoryLedgerStore(clock);
    const pressure = pressureOfProcess();
    let asked = 0;
    const shared: LedgerStore = {
      ...inner,
      async reserve(...args) {
        // Else the two would go on for ever.
        if (++asked > 10) throw new Error("asked again and again");
        const result = await inner.reserve(...args);
        let ticks = 0;
        const tell = (): void => {
          pressure.tell("tenant:acme");
          if (ticks++ < 20) queueMicrotask(tell);
        };
        queueMicrotask(tell);
        return result;
      },
    };
    const store = createLeasedLedgerStore({ shared, clock, pressure, router: "r0" });
    expect(await store.reserve("a", scopes({ usdMicros: 32_000 }), call, 1_000)).toEqual({ ok: true });
    expect(asked).toBe(1);
  });

  it("A7.2 an extension asks the shared books only for what its chunk lacks", async () => {
    const clock = createVirtualClock();
    const shared = createMemoryLedgerStore(clock);
    const store = createLeasedLedgerStore({ shared, clock, share: 0.5, router: "r0" });
    const usd = (usdMicros: number): Amounts => ({ ...nothing, usdMicros });
    await store.reserve("a", scopes({ usdMicros: 1_000 }), usd(400), 1_000);
    await shared.reserve("other", scopes({ usdMicros: 1_000 }).slice(1), usd(450), 1_000);
    // Of its chunk 100 are left, and of the budget 50.
    expect(await store.extend("a", 1, usd(150))).toEqual({ ok: true });
    expect((await shared.read("tenant:acme"))?.reserved.usdMicros).toBe(1_000);
    expect(await store.extend("a", 2, usd(1))).toMatchObject({ ok: false });
  });

  it("A7.4 a dead router's chunk is posted in full when a call had left, and comes back when none had", async () => {
    for (const left of [true, false]) {
      const clock = createVirtualClock();
      const shared = createMemoryLedgerStore(clock);
      const [dead] = routers(clock, shared, 1);
      await dead?.reserve("a", scopes({ usdMicros: 32_000 }), call, 1_000);
      if (left) await dead?.dispatched("a");
      dead?.close();
      const { reserved } = (await shared.read("tenant:acme")) ?? { reserved: nothing };
      await clock.advance(20_000);
      await shared.sweep();
      expect(await shared.read("tenant:acme")).toMatchObject({
        posted: { usdMicros: left ? reserved.usdMicros : 0 },
        reserved: nothing,
      });
    }
  });

  it("loses and doubles nothing when replies of the shared books are lost", async () => {
    const clock = createVirtualClock();
    const shared = createMemoryLedgerStore(clock);
    const faulty = faultyLedger(shared, clock, seededRng(7), { replyLost: 0.3, refused: 0.1 });
    const store = createLeasedLedgerStore({ shared: faulty, clock, router: "r0" });
    let spent = 0;
    for (let i = 0; i < 200; i++) {
      const hold = `h${i}`;
      const asking = store.reserve(hold, scopes({ usdMicros: 50_000_000 }, hold), call, 1_000).catch(() => undefined);
      await clock.advance(1);
      if ((await asking)?.ok !== true) continue;
      spent += 500;
      await store.settle(hold, { tokens: 50, usdMicros: 500 });
    }
    faulty.faults = {};
    await clock.advance(60_000);
    await store.giveBack();
    expect(await shared.read("tenant:acme")).toMatchObject({ posted: { usdMicros: spent }, reserved: nothing });
    expect(spent).toBeGreaterThan(10_000);
  });
});
