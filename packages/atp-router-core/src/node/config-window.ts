import type { Limits } from "../model/index.js";
import type { TenantConfig } from "../runtime/index.js";

/** How long a sliding budget looks back when its configuration does not say. */
const DEFAULT_SLIDING_S = 86_400;

/** A tenant's budget of the configuration file. */
export function tenantBudget({
  period,
  sliding_s: slidingS = DEFAULT_SLIDING_S,
  ...window
}: Parameters<typeof ceilings>[0] & {
  period?: "hour" | "day" | "month" | "sliding" | undefined;
  sliding_s?: number | undefined;
}): NonNullable<TenantConfig["budget"]> {
  const limits = ceilings(window);
  if (period === undefined) return limits;
  return { ...limits, period: period === "sliding" ? { slidingMs: slidingS * 1_000 } : period };
}

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
