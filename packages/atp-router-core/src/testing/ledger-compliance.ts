import type { Amounts, HoldScope, Limits } from "../model/index.js";
import type { Clock, LedgerStore } from "../ports/index.js";
import { createVirtualClock } from "./virtual-clock.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What the suite uses of a test framework; vitest's and jest's functions fit. */
export interface TestTools {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  readonly expect: (value: unknown) => {
    toEqual(expected: unknown): void;
    toMatchObject(expected: object): void;
  };
}

/** Makes one empty store for each test. A store whose time is elsewhere (a server's) must still follow `clock`. */
export type MakeLedgerStore = (harness: { readonly clock: Clock }) => Promise<LedgerStore>;

const call: Amounts = { parallel: 1, tokens: 100, usdMicros: 1_000 };
const nothing: Amounts = { parallel: 0, tokens: 0, usdMicros: 0 };
const TTL_MS = 60_000;
/** Every hold of `TTL_MS` is surely over after this, and before it none is. */
const OVER_MS = 65_001;

/**
 * What every LedgerStore must do (A7.1, A7.2, A7.4, A7.6, A7.7). Call it in a test file:
 * `ledgerStoreCompliance("memory", async ({ clock }) => createMemoryLedgerStore(clock), { describe, it, expect })`.
 */
export function ledgerStoreCompliance(name: string, make: MakeLedgerStore, { describe, it, expect }: TestTools): void {
  const scopes = (stream: Limits, session: Limits = {}, tenant: Limits = {}, nth = 1): readonly HoldScope[] => [
    { source: "stream", key: `stream:${nth}`, limits: stream },
    { source: "session", key: "session:1", limits: session },
    { source: "tenant", key: "tenant:1", limits: tenant },
  ];
  const all = ["stream:1", "session:1", "tenant:1"];

  function test(title: string, body: (store: LedgerStore, clock: VirtualClock) => Promise<void>): void {
    it(title, async () => {
      const clock = createVirtualClock();
      await body(await make({ clock }), clock);
    });
  }

  async function expectBooks(store: LedgerStore, posted: Amounts, reserved: Amounts): Promise<void> {
    for (const key of all) expect(await store.read(key)).toMatchObject({ posted, reserved });
  }

  describe(`LedgerStore: ${name}`, () => {
    test("A7.1 grants up to the limit exactly, and not one more", async (store) => {
      const limits = { parallel: 2, tokens: 200, usdMicros: 2_000 };
      expect(await store.reserve("a", scopes(limits), call, TTL_MS)).toEqual({ ok: true });
      expect(await store.reserve("b", scopes(limits), call, TTL_MS)).toEqual({ ok: true });
      const refused = await store.reserve("c", scopes(limits), { ...nothing, tokens: 1 }, TTL_MS);
      expect(refused).toMatchObject({ ok: false, refusal: { limitSource: "stream", dimension: "tokens", limit: 200 } });
      await expectBooks(store, nothing, { parallel: 2, tokens: 200, usdMicros: 2_000 });
    });

    test("A7.1 one full scope refuses over all: nothing is reserved anywhere", async (store) => {
      const refused = await store.reserve("a", scopes({}, {}, { usdMicros: 999 }), call, TTL_MS);
      expect(refused).toMatchObject({
        ok: false,
        refusal: { limitSource: "tenant", dimension: "usdMicros", limit: 999, asked: 1_000, remedy: "shrink" },
        left: { usdMicros: 999 },
      });
      for (const key of all) {
        const balance = await store.read(key);
        if (balance !== undefined) expect(balance).toMatchObject({ posted: nothing, reserved: nothing });
      }
    });

    test("A7.1 calls that race for the last of a budget: exactly as many are granted as fit", async (store) => {
      const asks = Array.from({ length: 50 }, (_, i) => store.reserve(`h${i}`, scopes({ tokens: 730 }), call, TTL_MS));
      const granted = (await Promise.all(asks)).filter(({ ok }) => ok).length;
      expect(granted).toEqual(7);
    });

    test("A7.2 a repeated reservation is granted again and reserves once", async (store) => {
      await store.reserve("a", scopes({}), call, TTL_MS);
      expect(await store.reserve("a", scopes({}), call, TTL_MS)).toEqual({ ok: true });
      await expectBooks(store, nothing, call);
    });

    test("A7.2 settles at what was used, once", async (store) => {
      await store.reserve("a", scopes({}), call, TTL_MS);
      await store.dispatched("a");
      await store.settle("a", { tokens: 60, usdMicros: 500 });
      await store.settle("a", { tokens: 60, usdMicros: 500 });
      await store.void("a");
      await expectBooks(store, { parallel: 0, tokens: 60, usdMicros: 500 }, nothing);
    });

    test("A7.2 a resolved hold grants nothing any more, whatever resolved it", async (store, clock) => {
      for (const id of ["settled", "voided", "expired"]) await store.reserve(id, scopes({}), call, TTL_MS);
      await store.settle("settled", { tokens: 1, usdMicros: 1 });
      await store.void("voided");
      await clock.advance(OVER_MS);
      await store.sweep();
      for (const id of ["settled", "voided", "expired"]) {
        expect(await store.reserve(id, scopes({}), call, TTL_MS)).toMatchObject({ ok: false });
        expect(await store.extend(id, 1, call)).toMatchObject({ ok: false });
      }
      await expectBooks(store, { parallel: 0, tokens: 1, usdMicros: 1 }, nothing);
    });

    test("A7.2 a void that overtakes its reservation wins", async (store) => {
      await store.void("a");
      expect(await store.reserve("a", scopes({}), call, TTL_MS)).toMatchObject({ ok: false });
      const balance = await store.read("tenant:1");
      if (balance !== undefined) expect(balance).toMatchObject({ posted: nothing, reserved: nothing });
    });

    test("A7.2 extends by the same rule, each attempt once", async (store) => {
      const more = { ...nothing, tokens: 50 };
      await store.reserve("a", scopes({ tokens: 200 }), call, TTL_MS);
      expect(await store.extend("a", 1, more)).toEqual({ ok: true });
      expect(await store.extend("a", 1, more)).toEqual({ ok: true });
      expect(await store.extend("a", 2, more)).toEqual({ ok: true });
      expect(await store.extend("a", 3, more)).toMatchObject({
        ok: false,
        refusal: { dimension: "tokens", asked: 50 },
      });
      await expectBooks(store, nothing, { ...call, tokens: 200 });
      await store.settle("a", { tokens: 190, usdMicros: 900 });
      await expectBooks(store, { parallel: 0, tokens: 190, usdMicros: 900 }, nothing);
    });

    test("A7.4 expiry voids what was only reserved and posts what was dispatched in full", async (store, clock) => {
      await store.reserve("kept", scopes({}), call, TTL_MS);
      await store.reserve("sent", scopes({}), call, TTL_MS);
      await store.dispatched("sent");
      await clock.advance(TTL_MS);
      expect(await store.sweep()).toEqual([]);
      await clock.advance(OVER_MS - TTL_MS);
      expect([...(await store.sweep())].sort()).toEqual(["kept", "sent"]);
      expect(await store.sweep()).toEqual([]);
      await store.settle("sent", { tokens: 1, usdMicros: 1 });
      await expectBooks(store, { ...call, parallel: 0 }, nothing);
    });

    test("A7.4 a hold whose call leaves at once is posted in full too, and a repeat of it", async (store, clock) => {
      await store.reserve("sent", scopes({}), call, TTL_MS, true);
      await store.reserve("again", scopes({}), call, TTL_MS);
      await store.reserve("again", scopes({}), call, TTL_MS, true);
      await store.reserve("used", scopes({}), call, TTL_MS, true);
      await store.settle("used", { tokens: 1, usdMicros: 1 });
      await clock.advance(OVER_MS);
      expect([...(await store.sweep())].sort()).toEqual(["again", "sent"]);
      const posted = { parallel: 0, tokens: 2 * call.tokens + 1, usdMicros: 2 * call.usdMicros + 1 };
      await expectBooks(store, posted, nothing);
    });

    test("A7.4 a call that was to leave and has to wait costs nothing until it leaves", async (store, clock) => {
      await store.reserve("waits", scopes({}), call, TTL_MS, true);
      await store.recalled("waits");
      await store.reserve("left", scopes({}), call, TTL_MS, true);
      await store.recalled("left");
      await store.dispatched("left");
      await store.recalled("unknown");
      await clock.advance(OVER_MS);
      expect([...(await store.sweep())].sort()).toEqual(["left", "waits"]);
      await expectBooks(store, { ...call, parallel: 0 }, nothing);
    });

    test("A7.1 a group is granted all or not at all, by its sum, and each of it ends by itself", async (store) => {
      const limits = { parallel: 3, tokens: 10_000, usdMicros: 1_000_000 };
      const group = ["a", "b", "c"].map((hold) => ({ hold, amounts: call }));
      expect(await store.reserveAll(group, scopes(limits), TTL_MS)).toEqual({ ok: true });
      expect(await store.reserveAll(group, scopes(limits), TTL_MS)).toEqual({ ok: true });
      const asked = { parallel: 3, tokens: 3 * call.tokens, usdMicros: 3 * call.usdMicros };
      await expectBooks(store, nothing, asked);
      const more = ["d", "e"].map((hold) => ({ hold, amounts: call }));
      expect(await store.reserveAll(more, scopes(limits), TTL_MS)).toMatchObject({
        ok: false,
        refusal: { dimension: "parallel", asked: 2 },
        left: { parallel: 0 },
      });
      await expectBooks(store, nothing, asked);
      await store.settle("a", { tokens: 5, usdMicros: 6 });
      await store.void("b");
      // Two fit now, three do not: nothing of the three is held.
      const three = ["f", "g", "h"].map((hold) => ({ hold, amounts: call }));
      expect(await store.reserveAll(three, scopes(limits), TTL_MS)).toMatchObject({ ok: false, left: { parallel: 2 } });
      await expectBooks(store, { parallel: 0, tokens: 5, usdMicros: 6 }, call);
      expect(
        await store.reserveAll(
          three.slice(0, 2).map(({ amounts }, i) => ({ hold: `again-${i}`, amounts })),
          scopes(limits),
          TTL_MS,
        ),
      ).toEqual({ ok: true });
    });

    test("A7.2 a group with a hold that is resolved is refused as a whole", async (store) => {
      await store.reserve("a", scopes({}), call, TTL_MS);
      await store.void("a");
      const group = ["a", "b"].map((hold) => ({ hold, amounts: call }));
      expect(await store.reserveAll(group, scopes({}), TTL_MS)).toMatchObject({ ok: false });
      await expectBooks(store, nothing, nothing);
    });

    test("A7.5 an overrun is posted in full, and then nothing new starts", async (store) => {
      const limits = { tokens: 150 };
      await store.reserve("a", scopes(limits), call, TTL_MS);
      await store.settle("a", { tokens: 400, usdMicros: 0 });
      await expectBooks(store, { parallel: 0, tokens: 400, usdMicros: 0 }, nothing);
      expect(await store.reserve("b", scopes(limits), { ...nothing, tokens: 1 }, TTL_MS)).toMatchObject({
        ok: false,
        refusal: { remedy: "raise", posted: 400 },
        left: { tokens: -250 },
      });
    });

    test("A7.6 a lowered limit lets holds finish and starts nothing; a raised one admits at once", async (store) => {
      await store.reserve("a", scopes({ tokens: 300 }), call, TTL_MS);
      await store.setLimit("stream:1", { tokens: 50 });
      expect(await store.reserve("b", scopes({}), { ...call, tokens: 1 }, TTL_MS)).toMatchObject({ ok: false });
      expect(await store.extend("a", 1, { ...nothing, tokens: 1 })).toMatchObject({ ok: false });
      await store.settle("a", { tokens: 100, usdMicros: 0 });
      await store.setLimit("stream:1", { tokens: 200 });
      expect(await store.reserve("b", scopes({}), call, TTL_MS)).toEqual({ ok: true });
      expect(await store.read("stream:1")).toMatchObject({ limits: { tokens: 200 } });
    });

    test("A7.6 a limit that is set before the scope's first hold counts", async (store) => {
      await store.setLimit("stream:1", { tokens: 10 });
      expect(await store.reserve("a", scopes({ tokens: 1_000 }), call, TTL_MS)).toMatchObject({ ok: false });
    });

    test("A7.7 the remedy is wait, shrink, raise or never", async (store) => {
      const ask = (id: string, tokens: number): Promise<unknown> =>
        store.reserve(id, scopes({ tokens: 100 }), { ...nothing, tokens }, TTL_MS);
      await ask("a", 60);
      expect(await ask("b", 80)).toMatchObject({ ok: false, refusal: { remedy: "wait", reserved: 60, asked: 80 } });
      expect(await ask("c", 101)).toMatchObject({ ok: false, refusal: { remedy: "shrink" }, left: { tokens: 40 } });
      await store.settle("a", { tokens: 100, usdMicros: 0 });
      expect(await ask("d", 1)).toMatchObject({ ok: false, refusal: { remedy: "raise", posted: 100 } });
      await store.setLimit("stream:1", { tokens: 0 });
      expect(await ask("e", 1)).toMatchObject({ ok: false, refusal: { remedy: "never" } });
    });

    test("A7.3 streams of one session share its ceiling, and keep their own", async (store) => {
      expect(await store.reserve("a", scopes({}, { parallel: 1 }, {}, 1), call, TTL_MS)).toEqual({ ok: true });
      expect(await store.reserve("b", scopes({}, { parallel: 1 }, {}, 2), call, TTL_MS)).toMatchObject({
        ok: false,
        refusal: { limitSource: "session", dimension: "parallel", remedy: "wait" },
      });
      await store.settle("a", { tokens: 5, usdMicros: 5 });
      expect(await store.reserve("c", scopes({}, {}, {}, 2), call, TTL_MS)).toEqual({ ok: true });
      expect(await store.read("stream:1")).toMatchObject({ posted: { tokens: 5 }, reserved: nothing });
      expect(await store.read("session:1")).toMatchObject({ posted: { tokens: 5 }, reserved: call });
    });

    test("forgets a scope when its last hold is resolved, and keeps the outer ones", async (store) => {
      await store.reserve("a", scopes({}), call, TTL_MS);
      await store.forget("stream:1");
      await store.settle("a", { tokens: 10, usdMicros: 10 });
      await store.forget("stream:1");
      expect(await store.read("stream:1")).toEqual(undefined);
      expect(await store.read("tenant:1")).toMatchObject({ posted: { tokens: 10 }, reserved: nothing });
    });

    test("answers undefined for a scope that was never used, and takes words about unknown holds calmly", async (store) => {
      expect(await store.read("tenant:nobody")).toEqual(undefined);
      await store.dispatched("unknown");
      await store.settle("unknown", { tokens: 1, usdMicros: 1 });
      await store.forget("tenant:nobody");
      expect(await store.extend("unknown", 1, call)).toMatchObject({ ok: false });
      expect(await store.sweep()).toEqual([]);
    });

    test("tells its watchers when something may fit, until they stop", async (store) => {
      let told = 0;
      const stop = store.watch(() => told++);
      await store.reserve("a", scopes({ tokens: 100 }), call, TTL_MS);
      expect(told).toEqual(0);
      await store.settle("a", { tokens: 10, usdMicros: 10 });
      expect(told > 0).toEqual(true);
      const before = told;
      await store.setLimit("stream:1", { tokens: 1_000 });
      expect(told > before).toEqual(true);
      stop();
      const stopped = told;
      await store.setLimit("stream:1", { tokens: 2_000 });
      expect(told).toEqual(stopped);
    });
  });
}
