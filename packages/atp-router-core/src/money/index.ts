/** What may be spent: windows, holds and their sizes. */
export { createLedger } from "./ledger.js";
export type { Ledger, ReserveRequest } from "./ledger.js";
export { MIN_USEFUL_TOKENS, sizeHold, tokenCost } from "./hold-size.js";
export type { HoldSize, HoldSizeInput } from "./hold-size.js";
