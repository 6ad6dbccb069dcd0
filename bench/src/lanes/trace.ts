/** One request of a trace: the same for every scheduler. */
export interface Request {
  readonly id: number;
  readonly at: number;
  readonly lane: LaneName;
  readonly tenant: string;
  /** How long its call takes when the adapter is not slow, in milliseconds. */
  readonly serviceMs: number;
  /** What it costs, and what was expected. */
  readonly cost: number;
  readonly expected: number;
}

export type LaneName = "gold" | "silver" | "bronze";
export const laneNames: readonly LaneName[] = ["gold", "silver", "bronze"];

/** The load of the figures: slots, sizes, tenants, deadlines. */
export const slots = 8;
export const meanMs = 1_000;
export const ttlMs = 20 * meanMs;
/** Of what is offered, by lane: at twice the capacity 0.25, 0.5 and 1.25 of it. */
export const mix: Readonly<Record<LaneName, number>> = { gold: 0.125, silver: 0.25, bronze: 0.625 };
/** Tenants of a lane; the first sends ten times what each other one does. */
export const tenants = 10;
const HEAVY = 10;
/** Cost of a mean call. */
const MEAN_COST = 1_000;

/** Numbers from 0 to under 1 (xorshift128 by Marsaglia), the same for a seed. */
export function random(seed: number): () => number {
  let [x, y, z, w] = [seed ^ 0x9e3779b9, seed ^ 0x243f6a88, seed ^ 0xb7e15162, (seed * 2654435761) >>> 0];
  const next = (): number => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = (w ^ (w >>> 19) ^ (t ^ (t >>> 8))) >>> 0;
    return w / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

/** A lognormal number of mean 1. */
export function lognormal(next: () => number, sigma = 1): number {
  const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return Math.exp(sigma * normal - (sigma * sigma) / 2);
}

/** An expectation: up to 40 % off, and one of twenty three times too high or too low. */
export function guess(next: () => number, cost: number): number {
  const error = next() < 0.05 ? (next() < 0.5 ? 3 : 1 / 3) : 0.6 + 0.8 * next();
  return Math.max(1, Math.round(cost * error));
}

/** A load that may change: offered work over capacity, at a time. */
export type Load = (at: number) => number;

/** Poisson arrivals until `endMs`, in order. @param only one lane alone, as it is in the whole trace */
export function trace(seed: number, endMs: number, load: Load, peak: number): readonly Request[] {
  const next = random(seed);
  const requests: Request[] = [];
  const perMs = (peak * slots) / meanMs;
  let at = 0;
  for (;;) {
    at += -Math.log(1 - next()) / perMs;
    if (at >= endMs) return requests;
    // All are drawn, so that a change of load changes nothing of those that stay.
    const kept = next() * peak < load(at);
    const draw = next();
    const lane = draw < mix.gold ? "gold" : draw < mix.gold + mix.silver ? "silver" : "bronze";
    const who = Math.floor(next() * (tenants - 1 + HEAVY));
    const tenant = `${lane}-${who < HEAVY ? 0 : who - HEAVY + 1}`;
    const size = lognormal(next);
    const cost = Math.max(1, Math.round(size * MEAN_COST));
    const expected = guess(next, cost);
    if (kept) requests.push({ id: requests.length, at, lane, tenant, serviceMs: size * meanMs, cost, expected });
  }
}
