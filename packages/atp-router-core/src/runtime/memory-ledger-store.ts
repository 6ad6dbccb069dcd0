import { createLedger } from "../money/index.js";
import type { Clock, LedgerStore } from "../ports/index.js";

/** A ledger in process memory: exact for one router, gone with its process. */
export function createMemoryLedgerStore(clock: Clock): LedgerStore {
  const ledger = createLedger();
  const listeners = new Set<() => void>();
  const room = (): void => {
    for (const listener of [...listeners]) listener();
  };
  return {
    async reserve(hold, scopes, amounts, ttlMs) {
      return ledger.reserve({ hold, scopes, amounts, ttlMs, at: clock.now() });
    },
    async extend(hold, attempt, more) {
      return ledger.extend(hold, attempt, more);
    },
    async dispatched(hold) {
      ledger.dispatched(hold);
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
      const expired = ledger.sweep(clock.now());
      if (expired.length > 0) room();
      return expired;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
