import type { Amounts, HoldAsk, HoldScope, Limits, Ms, ReserveResult, ScopeBalance } from "../model/index.js";

export type { HoldAsk, HoldScope, ReserveResult, ScopeBalance } from "../model/index.js";

/** A store that could not answer. `applied: unknown` means that the operation may or may not have happened. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly applied: "no" | "unknown";

  constructor(message: string, applied: "no" | "unknown", cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.applied = applied;
  }
}

/**
 * Where budgets are kept (A7): a two-phase ledger over scopes. A hold is granted over all scopes and dimensions or not at
 * all; every operation is idempotent by its hold's id; a hold is resolved exactly once, by settle, void or expiry.
 *
 * @throws StoreUnavailable from every method, and nothing else.
 */
export interface LedgerStore {
  /**
   * Grants when `posted + reserved + asked <= limit` in every scope and dimension. An open hold's id
   * answers `ok` again; a resolved one's is refused, for nothing may start on it.
   * @param leaves the call leaves as soon as this is granted, as if `dispatched` followed: one question instead of two. @default false
   */
  reserve(
    hold: string,
    scopes: readonly HoldScope[],
    amounts: Amounts,
    ttlMs: Ms,
    leaves?: boolean,
  ): Promise<ReserveResult>;
  /**
   * Grants all of these holds over the same scopes, or none of them, by the rule of `reserve` for their sum: calls that only make sense
   * together, such as those of a quorum. Each is extended, settled and voided by itself.
   */
  reserveAll(holds: readonly HoldAsk[], scopes: readonly HoldScope[], ttlMs: Ms): Promise<ReserveResult>;
  /** Adds to an open hold, by the same rule. `attempt` makes repeats harmless. */
  extend(hold: string, attempt: number, more: Amounts): Promise<ReserveResult>;
  /** The call leaves the router now: expiry posts the hold in full from here on. */
  dispatched(hold: string): Promise<void>;
  /** The call that was to leave has to wait: expiry voids the hold again, until `dispatched`. A store that lends in chunks may leave a chunk as it is. */
  recalled(hold: string): Promise<void>;
  /** Resolves a hold at what was used, which may be more than was held. Its parallel calls are free again. */
  settle(hold: string, used: { readonly tokens: number; readonly usdMicros: number }): Promise<void>;
  /** Resolves a hold whose call never left. */
  void(hold: string): Promise<void>;
  /** Sets a scope's ceilings. Lowered ones let holds finish and start nothing. */
  setLimit(scope: string, limits: Limits): Promise<void>;
  /** Undefined for a scope that was never used. */
  read(scope: string): Promise<ScopeBalance | undefined>;
  /** Forgets a scope that has no open hold, such as an ended stream's. */
  forget(scope: string): Promise<void>;
  /** Resolves expired holds; returns their ids. */
  sweep(): Promise<readonly string[]>;
  /** Calls `listener` when something may fit now that did not before. Returns the way to stop. */
  watch(listener: () => void): () => void;
}
