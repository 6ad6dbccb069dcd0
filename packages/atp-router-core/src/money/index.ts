/** What may be spent: windows, holds and their sizes, what quotes are worth, periods. */
export { EXPIRY_GRACE_MS, createLedger, emptyLedger } from "./ledger.js";
export type { Ledger, LedgerState, ReserveRequest } from "./ledger.js";
export { MIN_USEFUL_TOKENS, UNQUOTED_OUTPUT_TOKENS, sizeHold } from "./hold-size.js";
export type { HoldSize, HoldSizeInput } from "./hold-size.js";
export { tariffOf, tokenCost } from "./pricing.js";
export type { Tariff } from "./pricing.js";
export { MIN_SLACK_TOKENS, meterOutput, newMeter, slackOf } from "./meter.js";
export type { OutputMeter } from "./meter.js";
export { chunkTokens, sizeFirstHold, topUp } from "./top-up.js";
export type { TopUp, TopUpInput } from "./top-up.js";
export { createCalibrator } from "./calibrate.js";
export type { Calibrator, Correction, CostSample } from "./calibrate.js";
export { calendarPeriod, createSlidingBudget, tenantScope } from "./periods.js";
export type { CalendarPeriod, Period, SlidingBudget } from "./periods.js";
