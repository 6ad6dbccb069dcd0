import { percentile } from "../harness/stats.js";
import { schedulers } from "./schedulers.js";
import { laneNames, meanMs, slots, trace, ttlMs } from "./trace.js";
import type { LaneName, Request } from "./trace.js";
import { simulate } from "./world.js";
import type { Outcome, Result, SchedulerMaker } from "./world.js";

/** Offered work over capacity. */
export const loads = [0.5, 0.8, 1, 1.25, 1.5, 2, 3, 5] as const;
/** What comes before is not counted: queues are empty at the beginning. */
const WARM_MS = 60 * meanMs;

/** How long a run is: at twice the capacity over a thousand gold requests. */
export const runMs = (isLong: boolean): number => (isLong ? 2_400 : 700) * meanMs;

/** One run under one load. */
export interface Run {
  readonly load: number;
  /** Service time finished within its time, over what the slots can do. */
  readonly goodput: number;
  /** By lane: served work over what the slots can do, and what was offered. */
  readonly served: Readonly<Record<LaneName, number>>;
  readonly offered: Readonly<Record<LaneName, number>>;
  readonly success: Readonly<Record<LaneName, number>>;
  /** Latencies in milliseconds; Infinity for what was refused or late. */
  readonly goldP50: number;
  readonly goldP95: number;
  readonly bronzeP50: number;
  readonly golds: number;
  /** Of the calls that were begun, how much was too late or cut. */
  readonly wasted: number;
  readonly cut: number;
  /** Served work of each bronze tenant. */
  readonly bronzeTenants: readonly number[];
  /** The longest time without a bronze call that began, in mean calls. */
  readonly bronzeGap: number;
}

function isCounted({ request }: Result, endMs: number): boolean {
  return request.at >= WARM_MS && request.at <= endMs - ttlMs;
}

/** Counts a simulated run. */
export function count(load: number, { results, wastedMs, startedMs }: Outcome, endMs: number): Run {
  const capacity = slots * (endMs - ttlMs - WARM_MS);
  const served = { gold: 0, silver: 0, bronze: 0 };
  const offered = { gold: 0, silver: 0, bronze: 0 };
  const tried = { gold: 0, silver: 0, bronze: 0 };
  const done = { gold: 0, silver: 0, bronze: 0 };
  const latencies = { gold: [] as number[], silver: [] as number[], bronze: [] as number[] };
  const tenants = new Map<string, number>();
  const begun: number[] = [];
  let cut = 0;
  for (const result of results) {
    if (!isCounted(result, endMs)) continue;
    const { lane, serviceMs, tenant } = result.request;
    const inTime = result.latencyMs <= ttlMs;
    tried[lane]++;
    offered[lane] += serviceMs / capacity;
    latencies[lane].push(inTime ? result.latencyMs : Infinity);
    cut += result.cut;
    if (lane === "bronze" && !tenants.has(tenant)) tenants.set(tenant, 0);
    if (!inTime) continue;
    done[lane]++;
    served[lane] += serviceMs / capacity;
    if (lane !== "bronze") continue;
    tenants.set(tenant, (tenants.get(tenant) ?? 0) + serviceMs);
    begun.push(result.startedAt);
  }
  begun.sort((a, b) => a - b);
  let gap = 0;
  for (let i = 1; i < begun.length; i++) gap = Math.max(gap, (begun[i] ?? 0) - (begun[i - 1] ?? 0));
  return {
    load,
    goodput: served.gold + served.silver + served.bronze,
    served,
    offered,
    success: {
      gold: done.gold / tried.gold,
      silver: done.silver / tried.silver,
      bronze: done.bronze / tried.bronze,
    },
    goldP50: percentile(latencies.gold, 0.5),
    goldP95: percentile(latencies.gold, 0.95),
    bronzeP50: percentile(latencies.bronze, 0.5),
    golds: tried.gold,
    wasted: startedMs === 0 ? 0 : wastedMs / startedMs,
    cut,
    bronzeTenants: [...tenants.values()],
    bronzeGap: gap / meanMs,
  };
}

/** Runs of every scheduler over every load, each on the same trace; and of gold's part of a trace alone. */
export interface Sweep {
  readonly runs: Readonly<Record<string, readonly Run[]>>;
  readonly alone: Run;
}

/** The sweep of one seed. */
export function sweep(seed: number, endMs: number): Sweep {
  const runs: Record<string, Run[]> = {};
  let alone: Run | undefined;
  for (const load of loads) {
    const requests = trace(seed, endMs, () => load, load);
    for (const [name, make] of Object.entries(schedulers))
      (runs[name] ??= []).push(count(load, simulate(requests, make), endMs));
    if (load === 2) alone = goldAlone(requests, load, endMs);
  }
  if (alone === undefined) throw new Error("no run at twice the capacity");
  return { runs, alone };
}

function goldAlone(requests: readonly Request[], load: number, endMs: number): Run {
  const gold = requests.filter(({ lane }) => lane === "gold").map((request, id) => ({ ...request, id }));
  return count(load, simulate(gold, schedulers["ours"] as SchedulerMaker), endMs);
}

/** The best goodput of a sweep. */
export function peakOf(runs: readonly Run[]): number {
  return Math.max(...runs.map(({ goodput }) => goodput));
}

/** How much of the capacity each lane may have by its weight: what one leaves goes to the others (max-min fairness). @param offered by lane, over the capacity */
export function entitled(offered: Readonly<Record<LaneName, number>>): Readonly<Record<LaneName, number>> {
  const weights = { gold: 8, silver: 3, bronze: 1 };
  const share = { gold: 0, silver: 0, bronze: 0 };
  let left = 1;
  const open = new Set<LaneName>(laneNames);
  while (open.size > 0) {
    const sum = [...open].reduce((n, lane) => n + weights[lane], 0);
    const small = [...open].find((lane) => offered[lane] <= (left * weights[lane]) / sum);
    if (small === undefined) {
      for (const lane of open) share[lane] = (left * weights[lane]) / sum;
      return share;
    }
    share[small] = offered[small];
    left -= share[small];
    open.delete(small);
  }
  return share;
}

/** Jain's index of fairness: 1 when all are equal, 1/n when one has everything. */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((a, b) => a + b, 0);
  const squares = values.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}
