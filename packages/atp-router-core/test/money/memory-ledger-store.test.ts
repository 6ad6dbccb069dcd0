import { describe, expect, it } from "vitest";
import { createMemoryLedgerStore } from "../../src/runtime/memory-ledger-store.js";
import { createVirtualClock } from "../../src/testing/virtual-clock.js";
import { ledgerStoreCompliance } from "../../src/testing/ledger-compliance.js";

ledgerStoreCompliance("memory", async ({ clock }) => createMemoryLedgerStore(clock), { describe, it, expect });

describe("memory ledger store", () => {
  const scopes = [{ source: "stream" as const, key: "stream:1", limits: { parallel: 1 } }];
  const amounts = { parallel: 1, tokens: 1, usdMicros: 1 };

  it("A7.4 resolves what expired before it refuses", async () => {
    const clock = createVirtualClock();
    const store = createMemoryLedgerStore(clock);
    await store.reserve("left-behind", scopes, amounts, 1_000);
    await clock.advance(6_001);
    let told = 0;
    store.watch(() => told++);
    expect(await store.reserve("next", scopes, amounts, 1_000)).toEqual({ ok: true });
    expect(told).toBe(1);
  });

  it("rejects amounts that cannot be counted, and reserves nothing", async () => {
    const store = createMemoryLedgerStore(createVirtualClock());
    for (const tokens of [-1, 0.5, NaN, Infinity, 2 ** 53])
      await expect(store.reserve("a", scopes, { ...amounts, tokens }, 1_000)).rejects.toThrow(RangeError);
    expect(await store.read("stream:1")).toBeUndefined();
  });
});
