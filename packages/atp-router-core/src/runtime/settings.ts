import { defaultLimits } from "atp-protocol";
import type { WireLimits } from "atp-protocol";
import type { LanesConfig } from "../lanes/index.js";
import type { Lane, Limits } from "../model/index.js";
import type { OverloadConfig } from "../router/index.js";
import type { Lease, RouterConfig, RouterLimits } from "./router.js";

/** A router's configuration with every default filled in. */
export interface Settings {
  readonly wire: WireLimits;
  readonly limits: RouterLimits;
  readonly lease: Lease;
  /** The lease as ceilings. */
  readonly leaseLimits: Limits;
  readonly lanes: LanesConfig;
  readonly overload: OverloadConfig;
  readonly server: { readonly name: string; readonly version: string };
}

const defaultLease: Lease = { max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 };

const defaultRouterLimits: RouterLimits = {
  maxConcurrentCalls: 256,
  estimateTimeoutMs: 2_000,
  memoryTimeoutMs: 500,
  policyTimeoutMs: 1_000,
  maxStreamMs: 600_000,
  maxWindowWaitMs: 30_000,
  memoryBudgetBytes: 512 * 1_048_576,
};

const laneOrder: readonly Lane[] = ["gold", "silver", "bronze"];

/** Fills in the defaults. */
export function settingsOf(config: RouterConfig): Settings {
  const limits = { ...defaultRouterLimits, ...pick(config.limits, defaultRouterLimits) };
  const lease = config.lease ?? defaultLease;
  return {
    wire: { ...defaultLimits, ...pick(config.limits, defaultLimits) },
    limits,
    lease,
    leaseLimits: { parallel: lease.max_parallel, tokens: lease.max_tokens, usdMicros: lease.max_usd_micros },
    lanes: lanesOf(config, limits),
    overload: overloadOf(config),
    server: config.server ?? { name: "atp-router", version: "0.1.0" },
  };
}

function lanesOf(config: RouterConfig, limits: RouterLimits): LanesConfig {
  const slots = limits.maxConcurrentCalls;
  const weights = { gold: 8, silver: 3, bronze: 1 };
  const waitShare = { gold: 0.9, silver: 0.8, bronze: 0.7 };
  const reserved: Partial<Record<Lane, number>> = { gold: limits.maxConcurrentCalls > 1 ? 1 : 0 };
  for (const lane of laneOrder) {
    const given = config.lanes?.[lane];
    if (given?.weight !== undefined) weights[lane] = given.weight;
    if (given?.reserved !== undefined) reserved[lane] = given.reserved;
    if (given?.waitShare !== undefined) waitShare[lane] = given.waitShare;
  }
  const preempt = config.lanes?.preempt ?? true;
  return { slots, weights, reserved, waitShare, preempt, maxWaitMs: limits.maxWindowWaitMs };
}

function overloadOf({ lanes }: RouterConfig): OverloadConfig {
  const { cost, learnLimits } = lanes ?? {};
  return { ...(cost === undefined ? {} : { cost }), ...(learnLimits === undefined ? {} : { learnLimits }) };
}

/** The lane asked, or the best lower one that is allowed. */
export function lowered(asked: Lane, allowed: readonly Lane[] | undefined): Lane {
  if (allowed === undefined || allowed.includes(asked)) return asked;
  return laneOrder.slice(laneOrder.indexOf(asked)).find((lane) => allowed.includes(lane)) ?? "bronze";
}

/** The members of `given` that `shape` has. */
function pick<T extends object>(given: Partial<T> | undefined, shape: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(given ?? {}).filter(([name, value]) => name in shape && value !== undefined),
  ) as Partial<T>;
}
