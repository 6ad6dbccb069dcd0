import type { NonceStore } from "atp-protocol/integrity";
import type { TestTools } from "./ledger-compliance.js";

const LATER_MS = 60_000;

/**
 * What every NonceStore must do (A10). Call it in a test file: `nonceStoreCompliance("memory", () => store, { describe, it, expect })`.
 * @param make an empty store for each test; its time is the machine's
 */
export function nonceStoreCompliance(
  name: string,
  make: () => Promise<NonceStore> | NonceStore,
  { describe, it, expect }: TestTools,
): void {
  const recorder = async () => {
    const store = await make();
    const now = Date.now();
    return (principal: string, nonce: string, owner?: string) =>
      Promise.resolve(store.record(principal, nonce, now + LATER_MS, now, owner));
  };

  describe(`NonceStore: ${name}`, () => {
    it("A10 takes a nonce once, for each principal", async () => {
      const record = await recorder();
      expect(await record("alice", "1")).toEqual(true);
      expect(await record("alice", "1")).toEqual(false);
      expect(await record("bob", "1")).toEqual(true);
      expect(await record("alice", "2")).toEqual(true);
    });

    it("A10 takes it again from the message that it came with, and from no other", async () => {
      const record = await recorder();
      expect(await record("alice", "1", "e1/s/2")).toEqual(true);
      expect(await record("alice", "1", "e1/s/2")).toEqual(true);
      expect(await record("alice", "1", "e2/s/2")).toEqual(false);
      expect(await record("alice", "1")).toEqual(false);
      expect(await record("alice", "2")).toEqual(true);
      expect(await record("alice", "2", "e1/s/2")).toEqual(false);
    });

    it("A10 of many at once one wins", async () => {
      const record = await recorder();
      const taken = await Promise.all(Array.from({ length: 20 }, () => record("alice", "1")));
      expect(taken.filter(Boolean).length).toEqual(1);
    });
  });
}
