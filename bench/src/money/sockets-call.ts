/** A call of the race: $0.10 exactly. */
export const CALL_USD_MICROS = 100_000;
export const CALL_TOKENS = 100;

/** What an adapter saw of one router. */
export interface AdapterCount {
  /** Calls that reached it. */
  started: number;
  /** Micro-dollars that it billed for good, whether or not anybody listened. */
  billed: number;
}
