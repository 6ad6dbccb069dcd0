import { createLedger } from "../money/index.js";
import type { Clock, LedgerStore } from "../ports/index.js";

/**
 * A ledger in process memory: exact for one router, gone with its process. Expired holds are resolved by `sweep`, and before
 * anything is refused. An amount that is not an integer >= 0 rejects with a RangeError: that is a defect of the caller.
 */
export function createMemoryLedgerStore(clock: Clock): LedgerStore {
  const ledger = createLedger();
  const listeners = new Set<() => void>();
  const room = (): void => {
    for (const listener of [...listeners]) listener();
  };

  function sweep(): readonly string[] {
    const expired = ledger.sweep(clock.now());
    if (expired.length > 0) room();
    return expired;
  }

  return {
    async reserve(hold, scopes, amounts, ttlMs, leaves = false) {
      const asked = { hold, scopes, amounts, ttlMs, at: clock.now() };
      const first = ledger.reserve(asked);
      // What only an expired hold stands in the way of is granted.
      const result = first.ok || sweep().length === 0 ? first : ledger.reserve(asked);
      if (leaves && result.ok) ledger.dispatched(hold);
      return result;
    },
    async reserveAll(holds, scopes, ttlMs) {
      const asked = { holds, scopes, ttlMs, at: clock.now() };
      const first = ledger.reserveAll(asked);
      const result = first.ok || sweep().length === 0 ? first : ledger.reserveAll(asked);
      if (result.ok) for (const { hold, leaves } of holds) if (leaves === true) ledger.dispatched(hold);
      return result;
    },
    async extend(hold, attempt, more) {
      const result = ledger.extend(hold, attempt, more);
      return result.ok || sweep().length === 0 ? result : ledger.extend(hold, attempt, more);
    },
    async dispatched(hold) {
      ledger.dispatched(hold);
    },
    async recalled(hold) {
      ledger.recalled(hold);
    },
    async settle(hold, used) {
      if (ledger.settle(hold, used)) room();
    },
    async void(hold) {
      if (ledger.void(hold)) room();
    },
    async setLimit(scope, limits) {
      if (ledger.setLimit(scope, limits)) room();
    },
    async read(scope) {
      return ledger.read(scope);
    },
    async forget(scope) {
      ledger.forget(scope);
    },
    async sweep() {
      return sweep();
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
