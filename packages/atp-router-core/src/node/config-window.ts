import type { Limits } from "../model/index.js";

/** A window of the configuration file as ceilings. */
export function ceilings(window: {
  max_parallel?: number | undefined;
  max_tokens?: number | undefined;
  max_usd_micros?: number | undefined;
}): Limits {
  return {
    ...(window.max_parallel === undefined ? {} : { parallel: window.max_parallel }),
    ...(window.max_tokens === undefined ? {} : { tokens: window.max_tokens }),
    ...(window.max_usd_micros === undefined ? {} : { usdMicros: window.max_usd_micros }),
  };
}
