import type { Lane } from "../model/index.js";

/** The lanes of a router, best first. */
export const laneNames: readonly Lane[] = ["gold", "silver", "bronze"];

/** Shares of the work under full load. */
export const defaultWeights: Readonly<Record<Lane, number>> = { gold: 8, silver: 3, bronze: 1 };

/** Up to this product tags stay exact for longer than a router lives. */
const MAX_SCALE = 1_000_000;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * What one token adds to a lane's tag: integers in the inverse ratio of the weights, so that tags are sums of integers and equal
 * on every machine. For 8:3:1 they are 3, 8 and 24.
 *
 * @throws RangeError when a weight is not above 0.
 */
export function stepsOf(weights: Readonly<Record<Lane, number>>): Readonly<Record<Lane, number>> {
  for (const lane of laneNames)
    if (!(weights[lane] > 0) || !Number.isFinite(weights[lane]))
      throw new RangeError(`the weight of lane ${lane} must be a number above 0`);
  // Fractions count to the hundredth.
  const factor = laneNames.every((lane) => Number.isInteger(weights[lane])) ? 1 : 100;
  const scaled = laneNames.map((lane) => Math.max(1, Math.round(weights[lane] * factor)));
  const scale = scaled.reduce((lcm, weight) => (lcm / gcd(lcm, weight)) * weight, 1);
  const step = (i: number): number => Math.max(1, Math.round(Math.min(scale, MAX_SCALE) / (scaled[i] ?? 1)));
  return { gold: step(0), silver: step(1), bronze: step(2) };
}
