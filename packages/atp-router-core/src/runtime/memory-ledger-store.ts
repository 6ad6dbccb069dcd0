import { createLedger } from "../money/index.js";
import type { ReserveResult } from "../model/index.js";
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

  /** What only an expired hold stands in the way of is granted. */
  function orSweep(ask: () => ReserveResult): ReserveResult {
    const result = ask();
    return result.ok || sweep().length === 0 ? result : ask();
  }

  return {
    async reserve(hold, scopes, amounts, ttlMs) {
      const at = clock.now();
      return orSweep(() => ledger.reserve({ hold, scopes, amounts, ttlMs, at }));
    },
    async extend(hold, attempt, more) {
      return orSweep(() => ledger.extend(hold, attempt, more));
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
      return sweep();
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
