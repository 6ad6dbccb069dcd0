import type { HedgeConfig, Lane, Ms } from "../model/index.js";
import { createQuantileSketch } from "./quantile-sketch.js";
import type { QuantileSketch } from "./quantile-sketch.js";

/** Second calls that may be saved up, so that a burst of slow ones finds some. */
const SAVED = 10;

/** Decides when a second call is worth sending, and keeps their number within its budget. */
export interface Hedging {
  /**
   * A first call is sent now.
   * @returns after how long without a piece a second one may be asked for; undefined when it may not
   */
  sent(adapter: string, lane: Lane, at: Ms): Ms | undefined;
  /** Its first piece came after so long, or it was cancelled without one for another call that was sooner. */
  began(adapter: string, ms: Ms, at: Ms): void;
  /** Takes one second call from the budget. False when there is none. */
  take(): boolean;
}

/**
 * Hedged requests (Dean and Barroso, The Tail at Scale, 2013) on the time to the first piece, which tells a slow adapter from a long
 * answer. Their number is bounded twice: by the quantile, and by a token bucket that first calls fill.
 */
export function createHedging(config: HedgeConfig): Hedging {
  const sketches = new Map<string, QuantileSketch>();
  let tokens = SAVED / 2;
  return {
    sent(adapter, lane, at) {
      if (lane === "bronze" || !config.lanes.includes(lane)) return undefined;
      tokens = Math.min(SAVED, tokens + config.share);
      const late = sketches.get(adapter)?.quantile(config.quantile, config.minSamples, at);
      return late === undefined ? undefined : Math.max(config.floorMs, late);
    },
    began(adapter, ms, at) {
      let sketch = sketches.get(adapter);
      if (sketch === undefined) {
        sketch = createQuantileSketch();
        sketches.set(adapter, sketch);
      }
      sketch.add(ms, at);
    },
    take() {
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
  };
}
