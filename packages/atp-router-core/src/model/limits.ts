import type { Window } from "atp-protocol";
import type { Limits } from "./values.js";

/** The wire's form of ceilings. */
export function toWindow(limits: Limits): Window {
  return {
    ...(limits.parallel === undefined ? {} : { max_parallel: limits.parallel }),
    ...(limits.tokens === undefined ? {} : { max_tokens: limits.tokens }),
    ...(limits.usdMicros === undefined ? {} : { max_usd_micros: limits.usdMicros }),
  };
}

/** The lower of two ceilings in each dimension. */
export function lowest(a: Limits, b: Limits): Limits {
  const out: { -readonly [D in keyof Limits]: Limits[D] } = {};
  for (const dimension of ["parallel", "tokens", "usdMicros"] as const) {
    const x = a[dimension];
    const y = b[dimension];
    const least = x === undefined ? y : y === undefined ? x : Math.min(x, y);
    if (least !== undefined) out[dimension] = least;
  }
  return out;
}

/** A window of the wire as ceilings; a missing member falls back to the outer scope's, a higher one is cut to it (A7.6). */
export function fromWindow(window: Window | undefined, outer: Limits): Limits {
  return lowest(outer, {
    ...(window?.max_parallel === undefined ? {} : { parallel: window.max_parallel }),
    ...(window?.max_tokens === undefined ? {} : { tokens: window.max_tokens }),
    ...(window?.max_usd_micros === undefined ? {} : { usdMicros: window.max_usd_micros }),
  });
}
