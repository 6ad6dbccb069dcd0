import type { RunName, RunStore, RunStoreLimits } from "../ports/index.js";
import type { TestTools } from "./ledger-compliance.js";

/** Makes one empty store for each test, and lets its time pass: that of the store, not of the test. */
export interface RunStoreHarness {
  readonly store: (limits: RunStoreLimits) => Promise<RunStore> | RunStore;
  readonly pass: (ms: number) => Promise<void>;
}

const LEASE_MS = 200;
const run: RunName = { tenant: "acme", name: "alice/k1", content: '["hello"]' };

/**
 * What every RunStore must do (A9.4). Call it in a test file:
 * `runStoreCompliance("memory", () => harness, { describe, it, expect })`.
 */
export function runStoreCompliance(
  name: string,
  make: () => Promise<RunStoreHarness> | RunStoreHarness,
  { describe, it, expect }: TestTools,
): void {
  const test = (title: string, body: (store: RunStore, harness: RunStoreHarness) => Promise<void>): void => {
    it(title, async () => {
      const harness = await make();
      await body(await harness.store({ leaseMs: LEASE_MS, keptMs: 1_000, maxRuns: 2, maxBytes: 100 }), harness);
    });
  };

  describe(`RunStore: ${name}`, () => {
    test("A9.4 one claimant runs it, however often it says so; others hear that it runs", async (store) => {
      expect(await store.claim(run, "a")).toEqual({ t: "mine" });
      expect(await store.claim(run, "a")).toEqual({ t: "mine" });
      expect(await store.claim(run, "b")).toEqual({ t: "running" });
    });

    test("A9.4 of many claims at once one wins", async (store) => {
      const claims = await Promise.all(Array.from({ length: 20 }, (_, i) => store.claim(run, `c${i}`)));
      expect(claims.filter(({ t }) => t === "mine").length).toEqual(1);
      expect(claims.filter(({ t }) => t === "running").length).toEqual(19);
    });

    test("A9.4 the end is kept for all, also when it is told twice", async (store) => {
      await store.claim(run, "a");
      expect(await store.finish(run, "a", "yes")).toEqual(true);
      expect(await store.finish(run, "a", "no")).toEqual(true);
      expect(await store.claim(run, "b")).toEqual({ t: "ended", end: "yes" });
      expect(await store.renew(run, "a")).toEqual(true);
      await store.release(run, "a");
      expect(await store.claim(run, "b")).toEqual({ t: "ended", end: "yes" });
    });

    test("A9.4-6 another content under the name is a clash, while it runs and when it has ended", async (store) => {
      const other = { ...run, content: '["other"]' };
      await store.claim(run, "a");
      expect(await store.claim(other, "b")).toEqual({ t: "clash" });
      await store.finish(run, "a", "yes");
      expect(await store.claim(other, "b")).toEqual({ t: "clash" });
    });

    test("A9.4 what binds nothing is free again; only its claimant can free it", async (store) => {
      await store.claim(run, "a");
      await store.release(run, "b");
      expect(await store.claim(run, "b")).toEqual({ t: "running" });
      await store.release(run, "a");
      expect(await store.claim({ ...run, content: "[]" }, "b")).toEqual({ t: "mine" });
    });

    test("A9.4 a claimant that lives keeps its run; one that is lost loses it, and cannot end it", async (store, {
      pass,
    }) => {
      await store.claim(run, "a");
      await pass(LEASE_MS * 0.6);
      expect(await store.renew(run, "a")).toEqual(true);
      await pass(LEASE_MS * 0.6);
      expect(await store.claim(run, "b")).toEqual({ t: "running" });
      await pass(LEASE_MS * 1.1);
      expect(await store.claim(run, "b")).toEqual({ t: "mine" });
      expect(await store.renew(run, "a")).toEqual(false);
      expect(await store.finish(run, "a", "late")).toEqual(false);
      expect(await store.claim(run, "b")).toEqual({ t: "mine" });
    });

    test("A9.4 an end that comes after the lease is kept, when nobody else claimed", async (store, { pass }) => {
      await store.claim(run, "a");
      await pass(LEASE_MS * 1.1);
      expect(await store.finish(run, "a", "late")).toEqual(true);
      expect(await store.claim(run, "b")).toEqual({ t: "ended", end: "late" });
    });

    test("A9.4 a name stands for its run so long after its claim, and not longer", async (store, { pass }) => {
      await store.claim(run, "a");
      await pass(150);
      await store.finish(run, "a", "yes");
      await pass(700);
      expect(await store.claim(run, "b")).toEqual({ t: "ended", end: "yes" });
      await pass(200);
      expect(await store.claim({ ...run, content: "[]" }, "b")).toEqual({ t: "mine" });
    });

    test("A9.4 a tenant has so many names, and so many bytes; another tenant has its own", async (store, { pass }) => {
      await store.claim(run, "a");
      await store.claim({ ...run, name: "k2" }, "b");
      expect(await store.claim({ ...run, name: "k3" }, "c")).toEqual({ t: "full", runs: 2, bytes: 0 });
      expect(await store.claim({ ...run, tenant: "beta" }, "d")).toEqual({ t: "mine" });
      await store.release(run, "a");
      await store.finish({ ...run, name: "k2" }, "b", "x".repeat(100));
      expect(await store.claim(run, "e")).toEqual({ t: "full", runs: 1, bytes: 100 });
      await pass(1_100);
      expect(await store.claim(run, "e")).toEqual({ t: "mine" });
    });
  });
}
