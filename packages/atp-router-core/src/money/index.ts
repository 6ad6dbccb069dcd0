/** What may be spent: windows, holds and their sizes. */
export { EXPIRY_GRACE_MS, createLedger, emptyLedger } from "./ledger.js";
export type { Ledger, LedgerState, ReserveRequest } from "./ledger.js";
export { MIN_USEFUL_TOKENS, UNQUOTED_OUTPUT_TOKENS, sizeHold } from "./hold-size.js";
export type { HoldSize, HoldSizeInput } from "./hold-size.js";
export { tariffOf, tokenCost } from "./pricing.js";
export type { Tariff } from "./pricing.js";
