import type { AdapterHealth, AdapterInfo, AdapterStatus, Failure, Ms } from "../model/index.js";
import { closedBreaker, countCall, isHalfOpen, isOpen, tellsOnAdapter } from "./breaker.js";
import type { Breaker } from "./breaker.js";
import { nameFor } from "./names.js";

/** An adapter's status changed, and why. */
export interface StatusChange {
  readonly id: string;
  readonly name: string;
  readonly from: AdapterStatus;
  readonly to: AdapterStatus;
  readonly reason: string;
}

/** What the router knows of its adapters. Plain state behind synchronous operations; each tells what changed. */
export interface AdapterRegistry {
  /** A new adapter is taken for well until it is known better, and is probed at once. */
  add(id: string, configured: AdapterHealth["info"]): void;
  remove(id: string): void;
  healthOk(id: string, health: AdapterHealth, at: Ms): readonly StatusChange[];
  /** It could not be asked: for its health, or for an estimate. */
  healthFailed(id: string, failure: Failure, at: Ms): readonly StatusChange[];
  callEnded(id: string, outcome: "ok" | Failure, at: Ms): readonly StatusChange[];
  /** In the order in which they were added. */
  candidates(): readonly { readonly info: AdapterInfo; readonly status: AdapterStatus }[];
  view(): readonly {
    readonly info: AdapterInfo;
    readonly status: AdapterStatus;
    readonly p95Ms?: number;
    readonly errorRate?: number;
  }[];
  /** When the next probe is due; null without adapters. */
  nextProbeAt(): Ms | null;
  /** Adapters whose health is to be asked now; each is due again only later. */
  probesDue(at: Ms): readonly string[];
}

/** A well adapter is asked this often. */
const PROBE_MS = 10_000;
/** One that is down: first, and at most. */
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 10_000;
/** Times in a row that it was not reached which make an adapter DOWN. */
const UNREACHED = 2;

interface Entry {
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
  probeAt: Ms;
  retryMs: Ms;
}

/** How long to leave an adapter alone that asked for it. */
function pauseMs(retryAfterMs: number | undefined): Ms {
  return Math.min(PROBE_MS, Math.max(FIRST_RETRY_MS, retryAfterMs ?? 0));
}

/** A registry with no adapter in it. Names are unique: a second adapter of a name gets a number. */
export function createRegistry(): AdapterRegistry {
  const entries = new Map<string, Entry>();

  function describe(entry: Entry, told: AdapterHealth["info"]): void {
    const info = { ...told, ...entry.configured };
    const taken = new Set<string>();
    for (const other of entries.values()) if (other !== entry) taken.add(other.info.name);
    // A name that was once given stays, so that bills and metrics of one adapter keep one name.
    const name =
      info.name === entry.wantedName && entry.info.name !== "" ? entry.info.name : nameFor(entry.id, info.name, taken);
    entry.wantedName = info.name;
    entry.info = { ...info, id: entry.id, name, tags: info.tags ?? [] };
  }

  function change(entry: Entry, to: AdapterStatus, reason: string): readonly StatusChange[] {
    const from = entry.status;
    if (from === to) return [];
    entry.status = to;
    return [{ id: entry.id, name: entry.info.name, from, to, reason }];
  }

  function unreachable(entry: Entry, reason: string, at: Ms): readonly StatusChange[] {
    entry.unreached++;
    if (entry.unreached < UNREACHED && entry.status !== "DOWN") {
      // Once may be an accident: it is looked at again soon.
      entry.probeAt = Math.min(entry.probeAt, at);
      return [];
    }
    entry.probeAt = at + entry.retryMs;
    entry.retryMs = Math.min(MAX_RETRY_MS, entry.retryMs * 2);
    return change(entry, "DOWN", reason);
  }

  function reached(entry: Entry): void {
    entry.unreached = 0;
    entry.retryMs = FIRST_RETRY_MS;
  }

  return {
    add(id, configured) {
      const entry: Entry = {
        id,
        configured,
        info: { id, name: "", tags: [] },
        wantedName: undefined,
        status: "READY",
        p95Ms: undefined,
        errorRate: undefined,
        unreached: 0,
        breaker: closedBreaker(0),
        probeAt: -Infinity,
        retryMs: FIRST_RETRY_MS,
      };
      entries.delete(id);
      describe(entry, {});
      entries.set(id, entry);
    },
    remove(id) {
      entries.delete(id);
    },
    healthOk(id, health, at) {
      const entry = entries.get(id);
      if (entry === undefined) return [];
      describe(entry, health.info);
      entry.p95Ms = health.p95Ms;
      entry.errorRate = health.errorRate;
      reached(entry);
      if (isOpen(entry.breaker, at)) {
        // It says that it is well, but its calls fail: it gets its trial when the breaker's time is over.
        entry.probeAt = Math.min(entry.breaker.openUntil ?? at, at + PROBE_MS);
        return [];
      }
      entry.probeAt = at + (health.status === "READY" ? PROBE_MS : pauseMs(health.retryAfterMs));
      const onTrial = isHalfOpen(entry.breaker, at);
      return change(
        entry,
        health.status,
        health.status !== "READY" ? `it says ${health.status}` : onTrial ? "its next call is its trial" : "it is well",
      );
    },
    healthFailed(id, failure, at) {
      const entry = entries.get(id);
      return entry === undefined ? [] : unreachable(entry, failure.message, at);
    },
    callEnded(id, outcome, at) {
      const entry = entries.get(id);
      if (entry === undefined) return [];
      if (outcome === "ok") {
        reached(entry);
        countCall(entry.breaker, false, at);
        return entry.status === "DOWN" && !isOpen(entry.breaker, at) ? change(entry, "READY", "a call succeeded") : [];
      }
      if (outcome.kind === "exhausted") {
        // At capacity is no failure: it is left alone for as long as it asks.
        if (entry.status !== "READY" || outcome.retryAfterMs === undefined) return [];
        entry.probeAt = at + pauseMs(outcome.retryAfterMs);
        return change(entry, "BUSY", outcome.message);
      }
      if (!tellsOnAdapter(outcome)) return [];
      if (countCall(entry.breaker, true, at)) {
        entry.probeAt = entry.breaker.openUntil ?? at;
        return change(entry, "DOWN", `too many of its calls failed, the last with: ${outcome.message}`);
      }
      return outcome.kind === "unavailable" ? unreachable(entry, outcome.message, at) : [];
    },
    candidates: () => [...entries.values()].map(({ info, status }) => ({ info, status })),
    view: () =>
      [...entries.values()].map(({ info, status, p95Ms, errorRate }) => ({
        info,
        status,
        ...(p95Ms === undefined ? {} : { p95Ms }),
        ...(errorRate === undefined ? {} : { errorRate }),
      })),
    nextProbeAt() {
      let next = Infinity;
      for (const { probeAt } of entries.values()) next = Math.min(next, probeAt);
      return entries.size === 0 ? null : next;
    },
    probesDue(at) {
      const due: string[] = [];
      for (const entry of entries.values()) {
        if (entry.probeAt > at) continue;
        // Until it answers; a probe that is lost is sent again.
        entry.probeAt = at + PROBE_MS;
        due.push(entry.id);
      }
      return due;
    },
  };
}
