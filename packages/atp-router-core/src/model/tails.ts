import type { Lane, Ms } from "./values.js";

/** When a second call is sent because the first one says nothing yet. */
export interface HedgeConfig {
  /** Of an adapter's times to its first piece: later than this is late. 0.5 to 0.999. @default 0.93 */
  readonly quantile: number;
  /** Never earlier than this. @default 50 */
  readonly floorMs: Ms;
  /** Second calls at most, as a share of first ones. @default 0.08 */
  readonly share: number;
  /** Times that must be known of an adapter before its calls are hedged. @default 20 */
  readonly minSamples: number;
  /** Bronze is never hedged. @default gold and silver */
  readonly lanes: readonly Exclude<Lane, "bronze">[];
}

/** How often and how soon a call that failed is sent again. */
export interface RetryConfig {
  /** Calls after the first one that failed, over all adapters. @default 2 */
  readonly max: number;
  /** An adapter that was asked already is asked again after a random time of 0 to `min(capMs, baseMs * 2^n)`. @default 100 */
  readonly baseMs: Ms;
  /** @default 2000 */
  readonly capMs: Ms;
  /** Each adapter's tokens: a failed call takes one, an answered one gives back `refund`; over half of them it may be retried. @default 10 */
  readonly tokens: number;
  /** @default 0.1 */
  readonly refund: number;
}

/** When an adapter whose calls fail gets no more of them. */
export interface BreakerConfig {
  /** Failed calls in a row; one that began so late that another stood in for it counts as failed. @default 5 */
  readonly inARow: number;
  /** Or this share of failed calls, of at least `minCalls` within `windowMs`. @default 0.5 */
  readonly share: number;
  /** @default 20 */
  readonly minCalls: number;
  /** @default 10000 */
  readonly windowMs: Ms;
  /** How long it gets none at first; twice as long each time in a row. @default 5000 */
  readonly openMs: Ms;
  /** @default 60000 */
  readonly maxOpenMs: Ms;
}

/** When an adapter that fails more than the others is left alone. */
export interface OutlierConfig {
  /** How often adapters are compared. @default 10000 */
  readonly intervalMs: Ms;
  /** How long one is left alone: so long for each time in a row. @default 30000 */
  readonly ejectMs: Ms;
  /** @default 300000 */
  readonly maxEjectMs: Ms;
  /** Of all adapters at most this share at once, but always one. @default 0.1 */
  readonly maxShare: number;
  /** With at least `minAdapters` of `minCalls` each: success below the mean by so many standard deviations. @default 1.9 */
  readonly deviations: number;
  /** @default 5 */
  readonly minAdapters: number;
  /** @default 100 */
  readonly minCalls: number;
  /** Failed share of at least `minCallsAlone` calls that is too much whatever the others do. @default 0.85 */
  readonly failedShare: number;
  /** @default 50 */
  readonly minCallsAlone: number;
}

/** What is done about slow and failing adapters; each part can be turned off. */
export interface TailsConfig {
  readonly hedge: HedgeConfig | "off";
  readonly retry: RetryConfig | "off";
  /** Lanes whose answers begin anew when an adapter breaks off in the middle; others end with an error. @default gold and silver */
  readonly restart: readonly Lane[];
  readonly breaker: BreakerConfig | "off";
  readonly outliers: OutlierConfig | "off";
}

/** The same as configuration gives it: what is missing has its default. */
export interface TailsOptions {
  readonly hedge?: Partial<HedgeConfig> | "off";
  readonly retry?: Partial<RetryConfig> | "off";
  readonly restart?: readonly Lane[];
  readonly breaker?: Partial<BreakerConfig> | "off";
  readonly outliers?: Partial<OutlierConfig> | "off";
}

const hedge: HedgeConfig = { quantile: 0.93, floorMs: 50, share: 0.08, minSamples: 20, lanes: ["gold", "silver"] };
const retry: RetryConfig = { max: 2, baseMs: 100, capMs: 2_000, tokens: 10, refund: 0.1 };
const breaker: BreakerConfig = {
  inARow: 5,
  share: 0.5,
  minCalls: 20,
  windowMs: 10_000,
  openMs: 5_000,
  maxOpenMs: 60_000,
};
const outliers: OutlierConfig = {
  intervalMs: 10_000,
  ejectMs: 30_000,
  maxEjectMs: 300_000,
  maxShare: 0.1,
  deviations: 1.9,
  minAdapters: 5,
  minCalls: 100,
  failedShare: 0.85,
  minCallsAlone: 50,
};

function withDefaults<T extends object>(given: Partial<T> | "off" | undefined, defaults: T): T | "off" {
  return given === "off" ? "off" : { ...defaults, ...given };
}

/** Fills in the defaults. */
export function tailsOf(options: TailsOptions = {}): TailsConfig {
  return {
    hedge: withDefaults(options.hedge, hedge),
    retry: withDefaults(options.retry, retry),
    restart: options.restart ?? ["gold", "silver"],
    breaker: withDefaults(options.breaker, breaker),
    outliers: withDefaults(options.outliers, outliers),
  };
}
