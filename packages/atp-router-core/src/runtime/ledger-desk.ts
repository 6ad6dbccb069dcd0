import type { Limits } from "../model/index.js";
import type { Clock, LedgerStore } from "../ports/index.js";

const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;

/**
 * The ledger operations that must happen in the end, whatever the store does: they are repeated until it takes them, which
 * is harmless because each is idempotent.
 */
export interface LedgerDesk {
  settle(hold: string, used: { readonly tokens: number; readonly usdMicros: number }): void;
  void(hold: string): void;
  setLimit(scope: string, limits: Limits): void;
  forget(scope: string): void;
  /** Operations that the store has not taken yet. */
  pending(): number;
}

/** A desk in front of a ledger store. */
export function createLedgerDesk(ledger: LedgerStore, clock: Clock): LedgerDesk {
  let pending = 0;
  function insist(operation: () => Promise<void>): void {
    pending++;
    let delayMs = FIRST_RETRY_MS;
    const attempt = (): void => {
      operation().then(
        () => {
          pending--;
        },
        () => {
          clock.at(clock.now() + delayMs, attempt);
          delayMs = Math.min(MAX_RETRY_MS, delayMs * 2);
        },
      );
    };
    attempt();
  }
  return {
    settle: (hold, used) => insist(() => ledger.settle(hold, used)),
    void: (hold) => insist(() => ledger.void(hold)),
    setLimit: (scope, limits) => insist(() => ledger.setLimit(scope, limits)),
    forget: (scope) => insist(() => ledger.forget(scope)),
    pending: () => pending,
  };
}
