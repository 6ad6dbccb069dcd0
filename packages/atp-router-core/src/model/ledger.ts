import type { Amounts, BudgetRefusal, Limits } from "./values.js";

/** A scope of a hold, inner ones first: the stream's, the session's, the tenant's. */
export interface HoldScope {
  readonly source: BudgetRefusal["limitSource"];
  /** Unique within its store, such as `tenant:acme`. */
  readonly key: string;
  /** Ceilings that apply when the store does not know the scope yet; `setLimit` changes them later. */
  readonly limits: Limits;
}

/** One of several holds that are asked for together. */
export interface HoldAsk {
  /** Unique for each hold, and never used again. */
  readonly hold: string;
  readonly amounts: Amounts;
  /** Its call leaves as soon as the hold is granted. @default false */
  readonly leaves?: boolean;
}

/** Posted and reserved amounts of a scope. Posted parallel calls are always 0. */
export interface ScopeBalance {
  readonly limits: Limits;
  readonly posted: Amounts;
  readonly reserved: Amounts;
}

/** The answer to a reservation. */
export type ReserveResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly refusal: BudgetRefusal;
      /** The least that is left over all scopes, by dimension; absent members are unlimited. May be negative after an overrun. */
      readonly left: Limits;
    };
