import type { Ms, RetryConfig } from "../model/index.js";

/** What is asked before a call is sent again, or elsewhere, because one failed. */
export interface RetryAsk {
  /** Whom it would go to. */
  readonly adapter: string;
  /** That one was asked before: it is given time. */
  readonly again: boolean;
  /** Calls that were sent because one failed, so far. */
  readonly nth: number;
  /** What the adapter asked to wait. */
  readonly retryAfterMs?: Ms;
}

/** Keeps retries from adding to an outage. */
export interface RetryBudget {
  succeeded(adapter: string): void;
  failed(adapter: string): void;
  /** How long to wait before it; null when there is to be none. @param draw uniform in [0, 1) */
  ask(ask: RetryAsk, draw: number): Ms | null;
}

/**
 * Retry throttling as gRPC does it (proposal A6): each adapter has tokens, a failure takes one and a success gives a tenth back, and
 * it is asked because of a failure only while it has more than half of them. They are those of the adapter that would be asked: one
 * that is down costs itself its retries, not those that stand in for it. Waits have full jitter (Brooker, 2015), and what an adapter
 * asks to wait is waited.
 */
export function createRetryBudget(config: RetryConfig): RetryBudget {
  const tokens = new Map<string, number>();
  const left = (adapter: string): number => tokens.get(adapter) ?? config.tokens;
  return {
    succeeded(adapter) {
      const now = left(adapter);
      if (now < config.tokens) tokens.set(adapter, Math.min(config.tokens, now + config.refund));
    },
    failed(adapter) {
      tokens.set(adapter, Math.max(0, left(adapter) - 1));
    },
    ask({ adapter, again, nth, retryAfterMs }, draw) {
      if (nth >= config.max || left(adapter) <= config.tokens / 2) return null;
      if (!again) return 0;
      const jitter = draw * Math.min(config.capMs, config.baseMs * 2 ** nth);
      return Math.max(jitter, retryAfterMs ?? 0);
    },
  };
}
