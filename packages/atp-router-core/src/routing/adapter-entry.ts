import type { AdapterHealth, AdapterInfo, AdapterStatus, Ms } from "../model/index.js";
import { breakerShare, breakerState, closedBreaker } from "./breaker.js";
import type { Breaker, BreakerState } from "./breaker.js";

/** How soon an adapter that is down is asked again at first. */
export const FIRST_RETRY_MS = 1_000;

/** One adapter as the router sees it. */
export interface AdapterState {
  readonly info: AdapterInfo;
  readonly status: AdapterStatus;
  readonly p95Ms?: number;
  readonly errorRate?: number;
  /** Calls that it wants at most. */
  readonly window?: number;
  /** How far its word for its answers counts: 1, and less after calls that billed above their holds. */
  readonly rating: number;
  readonly breaker: {
    readonly state: BreakerState | "ejected";
    /** The share of streams that may ask it as if nothing had been. */
    readonly share: number;
    /** How long it gets no calls yet. */
    readonly forMs?: Ms;
  };
}

/** What a registry keeps of one adapter. */
export interface Entry {
  readonly id: string;
  readonly configured: AdapterHealth["info"];
  info: AdapterInfo;
  /** The name that was asked for, before it was made unique. */
  wantedName: string | undefined;
  status: AdapterStatus;
  p95Ms: number | undefined;
  errorRate: number | undefined;
  unreached: number;
  readonly breaker: Breaker;
  suggested: number | undefined;
  rating: number;
  running: number;
  lastResortAt: Ms;
  probeAt: Ms;
  retryMs: Ms;
}

/** A new adapter is taken for well, and is to be probed at once. @param openMs how long its breaker opens at first */
export function newEntry(id: string, configured: AdapterHealth["info"], openMs: Ms): Entry {
  return {
    id,
    configured,
    info: { id, name: "", tags: [] },
    wantedName: undefined,
    status: "READY",
    p95Ms: undefined,
    errorRate: undefined,
    unreached: 0,
    breaker: closedBreaker(0, openMs),
    suggested: undefined,
    rating: 1,
    running: 0,
    lastResortAt: -Infinity,
    probeAt: -Infinity,
    retryMs: FIRST_RETRY_MS,
  };
}

/** Whether calls may be sent to an adapter of this status. */
export function isWell(status: AdapterStatus): boolean {
  return status === "READY" || status === "BUSY";
}

/** Calls that it wants at most, by configuration and by its own word. */
export function windowOf({ info, suggested }: Entry): number | undefined {
  const least = Math.min(info.maxParallel ?? Infinity, suggested ?? Infinity);
  return Number.isFinite(least) ? least : undefined;
}

/** The adapter as it is now. @param until when it gets calls again; undefined when it gets them */
export function stateOf(entry: Entry, at: Ms, until: Ms | undefined, isEjected: boolean): AdapterState {
  const { info, status, p95Ms, errorRate, rating, breaker } = entry;
  const window = windowOf(entry);
  return {
    info,
    status,
    ...(p95Ms === undefined ? {} : { p95Ms }),
    ...(errorRate === undefined ? {} : { errorRate }),
    ...(window === undefined ? {} : { window }),
    rating,
    breaker: {
      state: isEjected ? "ejected" : breakerState(breaker, at),
      share: isEjected ? 0 : breakerShare(breaker, at),
      ...(until === undefined ? {} : { forMs: until - at }),
    },
  };
}
