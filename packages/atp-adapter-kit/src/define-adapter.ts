/**
 * The way an author's definition becomes an adapter: checked once, then frozen.
 */
import { defaultEstimate } from "./estimate.js";
import type { Adapter, AdapterDefinition, Prices } from "./types.js";

const namePattern = /^[A-Za-z0-9._:-]{1,128}$/;
const defaultMaxParallel = 256;

/**
 * Checks a definition and freezes it.
 *
 * @throws TypeError that names the member that is wrong: a bad name, a negative price, a missing `stream`, or neither
 *   `estimate` nor `prices`
 */
export function defineAdapter(definition: AdapterDefinition): Adapter {
  const { name, model, version, contextTokens, prices } = definition;
  const tags = definition.tags ?? [];
  const maxParallel = definition.maxParallel ?? defaultMaxParallel;
  check(typeof name === "string" && namePattern.test(name), "name must be 1 to 128 characters of [A-Za-z0-9._:-]");
  // Bound, so that a definition may be an object with methods that use `this`.
  const stream = bind(definition, "stream");
  const estimate = bind(definition, "estimate");
  const health = bind(definition, "health");
  check(stream !== undefined, "stream must be a function that returns an async iterable");
  check(estimate !== undefined || prices !== undefined, "give estimate, or prices for the default one");
  check(isCount(maxParallel) && maxParallel > 0, "maxParallel must be a positive integer");
  check(contextTokens === undefined || isCount(contextTokens), "contextTokens must be a non-negative integer");
  check(Array.isArray(tags) && tags.every((tag) => typeof tag === "string"), "tags must be strings");
  if (prices !== undefined) {
    check(isCount(prices.inUsdMicrosPerMtok), "prices.inUsdMicrosPerMtok must be a non-negative integer");
    check(isCount(prices.outUsdMicrosPerMtok), "prices.outUsdMicrosPerMtok must be a non-negative integer");
  }
  return Object.freeze({
    name,
    ...(model === undefined ? {} : { model }),
    ...(version === undefined ? {} : { version }),
    ...(contextTokens === undefined ? {} : { contextTokens }),
    ...(prices === undefined ? {} : { prices: Object.freeze({ ...prices }) }),
    ...(health === undefined ? {} : { health }),
    tags: Object.freeze([...tags]),
    maxParallel,
    stream,
    estimate: estimate ?? estimateFromPrices(prices),
  });
}

function bind<K extends "stream" | "estimate" | "health">(
  definition: AdapterDefinition,
  member: K,
): AdapterDefinition[K] | undefined {
  const method: unknown = definition[member];
  if (method === undefined) return undefined;
  check(typeof method === "function", `${member} must be a function`);
  return (method as (...args: unknown[]) => unknown).bind(definition) as AdapterDefinition[K];
}

function estimateFromPrices(prices: Prices | undefined): Adapter["estimate"] {
  const known = prices ?? { inUsdMicrosPerMtok: 0, outUsdMicrosPerMtok: 0 };
  return (request) => defaultEstimate(request, known);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new TypeError(`defineAdapter: ${message}`);
}
