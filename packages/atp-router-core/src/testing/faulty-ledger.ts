import { StoreUnavailable } from "../ports/index.js";
import type { Clock, LedgerStore, Rng } from "../ports/index.js";

/** What may go wrong between a router and its ledger, each a probability of 0 to 1 for every operation. */
export interface LedgerFaults {
  /** Replies take up to this long. @default 0 */
  readonly maxDelayMs?: number;
  /** The operation is not applied, and fails. @default 0 */
  readonly refused?: number;
  /** The operation is applied, but its reply is lost. @default 0 */
  readonly replyLost?: number;
}

/** A ledger whose replies are delayed or lost, drawn from a seeded source. Set `faults` to change it as it runs. */
export interface FaultyLedger extends LedgerStore {
  faults: LedgerFaults;
}

/** Puts faults in front of a ledger store. */
export function faultyLedger(inner: LedgerStore, clock: Clock, rng: Rng, faults: LedgerFaults): FaultyLedger {
  const chance = (p: number | undefined): boolean => p !== undefined && rng.u32() / 2 ** 32 < p;
  const store: FaultyLedger = {
    faults,
    reserve: (...args) => through(() => inner.reserve(...args)),
    reserveAll: (...args) => through(() => inner.reserveAll(...args)),
    extend: (...args) => through(() => inner.extend(...args)),
    dispatched: (hold) => through(() => inner.dispatched(hold)),
    recalled: (hold) => through(() => inner.recalled(hold)),
    settle: (...args) => through(() => inner.settle(...args)),
    void: (hold) => through(() => inner.void(hold)),
    setLimit: (...args) => through(() => inner.setLimit(...args)),
    read: (scope) => through(() => inner.read(scope)),
    forget: (scope) => through(() => inner.forget(scope)),
    sweep: () => through(() => inner.sweep()),
    watch: (listener) => inner.watch(listener),
  };

  function through<T>(operation: () => Promise<T>): Promise<T> {
    const { maxDelayMs, refused, replyLost } = store.faults;
    const delay = maxDelayMs === undefined ? 0 : rng.u32() % (maxDelayMs + 1);
    const outcome = chance(refused) ? "refused" : chance(replyLost) ? "lost" : "ok";
    return new Promise((resolve, reject) => {
      clock.at(clock.now() + delay, () => {
        if (outcome === "refused") {
          reject(new StoreUnavailable("the store refused the connection", "no"));
          return;
        }
        operation().then(
          (value) =>
            outcome === "lost" ? reject(new StoreUnavailable("the reply was lost", "unknown")) : resolve(value),
          reject,
        );
      });
    });
  }

  return store;
}
