/** The calls of the load: what they cost, and what the adapter says beforehand. */
import { seededRng } from "atp-router-core/testing";

/** One micro-dollar a token, so that a cost in micro-dollars is a length in tokens. */
export const LIMIT = 1_000_000;
const MEAN = LIMIT / 500;
/** Of the limit, how much is asked for in all. */
const DEMAND = 3;
/** Of the logarithm of costs. */
const SIGMA = 1;
/** Quotes are within this share of the cost, but for one in fifty that is three times too low. */
const QUOTE_ERROR = 0.4;
const OUTLIERS = 0.02;
const OUTLIER_FACTOR = 3;

/** One request. */
export interface Call {
  readonly nth: number;
  /** Tokens and micro-dollars. */
  readonly cost: number;
  readonly quoted: number;
}

/** Lognormal costs of the stated mean until the demand is reached. */
export function drawCalls(seed: number): readonly Call[] {
  const rng = seededRng(seed);
  const uniform = (): number => (rng.u32() + 0.5) / 2 ** 32;
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const calls: Call[] = [];
  for (let demanded = 0; demanded < LIMIT * DEMAND; ) {
    const cost = Math.max(1, Math.round(MEAN * Math.exp(SIGMA * normal() - (SIGMA * SIGMA) / 2)));
    const factor = uniform() < OUTLIERS ? 1 / OUTLIER_FACTOR : 1 - QUOTE_ERROR + 2 * QUOTE_ERROR * uniform();
    calls.push({ nth: calls.length, cost, quoted: Math.max(1, Math.round(cost * factor)) });
    demanded += cost;
  }
  return calls;
}

/** How many requests a spender serves who knows every cost and takes them as they come. */
export function affordable(calls: readonly Call[]): number {
  let spent = 0;
  return calls.findIndex(({ cost }) => (spent += cost) > LIMIT);
}
