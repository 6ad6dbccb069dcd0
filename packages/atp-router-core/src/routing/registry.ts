import type { AdapterHealth, AdapterInfo, AdapterStatus, Failure, Ms } from "../model/index.js";

/** An adapter's status changed, and why. */
export interface StatusChange {
  readonly id: string;
  readonly from: AdapterStatus;
  readonly to: AdapterStatus;
  readonly reason: string;
}

/** What the router knows of its adapters. Plain state behind synchronous operations. */
export interface AdapterRegistry {
  add(id: string, configured: AdapterHealth["info"]): void;
  remove(id: string): void;
  healthOk(id: string, health: AdapterHealth, at: Ms): readonly StatusChange[];
  healthFailed(id: string, failure: Failure, at: Ms): readonly StatusChange[];
  callEnded(id: string, outcome: "ok" | Failure, at: Ms): readonly StatusChange[];
  candidates(): readonly { readonly info: AdapterInfo; readonly status: AdapterStatus }[];
  view(): readonly {
    readonly info: AdapterInfo;
    readonly status: AdapterStatus;
    readonly p95Ms?: number;
    readonly errorRate?: number;
  }[];
  /** Adapters whose health is to be asked now; each is due again only later. */
  probesDue(at: Ms): readonly string[];
}

/** A well adapter is asked this often. */
const PROBE_MS = 10_000;
/** One that is down, first and at most. */
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 10_000;
/** Failures to reach it in a row that make an adapter DOWN. */
const UNREACHED = 2;
/** The breaker: failed calls in a row, or their share among at least so many within the window. */
const FAILED_IN_A_ROW = 5;
const BREAKER_SHARE = 0.5;
const BREAKER_CALLS = 20;
const BREAKER_WINDOW_MS = 10_000;

interface Entry {
  readonly id: string;
  readonly configured: AdapterHealth["info"];
  info: AdapterInfo;
  status: AdapterStatus;
  p95Ms: number | undefined;
  errorRate: number | undefined;
  unreached: number;
  failedInARow: number;
  windowSince: Ms;
  calls: number;
  failures: number;
  probeAt: Ms;
  retryMs: Ms;
}

/** A failure that says something of the adapter itself; a refusal or a full house does not. */
function counts(failure: Failure): boolean {
  return (
    failure.kind === "unavailable" ||
    failure.kind === "timeout" ||
    failure.kind === "protocol" ||
    failure.kind === "internal"
  );
}

/** A registry with no adapter in it. Names are unique: a second adapter of a name gets a number. */
export function createRegistry(): AdapterRegistry {
  const entries = new Map<string, Entry>();

  function nameFor(id: string, wanted: string | undefined): string {
    const base = wanted !== undefined && wanted !== "" ? wanted : id.replace(/^[a-z+]+:\/\//, "").replace(/\/$/, "");
    const taken = new Set([...entries.values()].filter((e) => e.id !== id).map((e) => e.info.name));
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}-${n}`;
    return name;
  }

  function describe(id: string, configured: AdapterHealth["info"], told: AdapterHealth["info"]): AdapterInfo {
    const info = { ...told, ...configured };
    return { ...info, id, name: nameFor(id, info.name), tags: info.tags ?? [] };
  }

  function change(entry: Entry, to: AdapterStatus, reason: string): readonly StatusChange[] {
    const from = entry.status;
    if (from === to) return [];
    entry.status = to;
    return [{ id: entry.id, from, to, reason }];
  }

  function down(entry: Entry, reason: string, at: Ms): readonly StatusChange[] {
    entry.probeAt = at + entry.retryMs;
    entry.retryMs = Math.min(MAX_RETRY_MS, entry.retryMs * 2);
    return change(entry, "DOWN", reason);
  }

  function clean(entry: Entry, at: Ms): void {
    entry.unreached = 0;
    entry.failedInARow = 0;
    entry.windowSince = at;
    entry.calls = 0;
    entry.failures = 0;
    entry.retryMs = FIRST_RETRY_MS;
  }

  return {
    add(id, configured) {
      entries.set(id, {
        id,
        configured,
        info: describe(id, configured, {}),
        status: "READY",
        p95Ms: undefined,
        errorRate: undefined,
        unreached: 0,
        failedInARow: 0,
        windowSince: 0,
        calls: 0,
        failures: 0,
        probeAt: -Infinity,
        retryMs: FIRST_RETRY_MS,
      });
    },
    remove(id) {
      entries.delete(id);
    },
    healthOk(id, health, at) {
      const entry = entries.get(id);
      if (entry === undefined) return [];
      entry.info = describe(id, entry.configured, health.info);
      entry.p95Ms = health.p95Ms;
      entry.errorRate = health.errorRate;
      if (entry.status === "DOWN") clean(entry, at);
      entry.unreached = 0;
      entry.probeAt = at + (health.status === "READY" ? PROBE_MS : (health.retryAfterMs ?? FIRST_RETRY_MS));
      return change(entry, health.status, health.status === "READY" ? "it is well" : "it said so");
    },
    healthFailed(id, failure, at) {
      const entry = entries.get(id);
      if (entry === undefined) return [];
      entry.unreached++;
      if (entry.unreached >= UNREACHED || entry.status === "DOWN") return down(entry, failure.message, at);
      entry.probeAt = at;
      return [];
    },
    callEnded(id, outcome, at) {
      const entry = entries.get(id);
      if (entry === undefined) return [];
      if (at - entry.windowSince > BREAKER_WINDOW_MS) {
        entry.windowSince = at;
        entry.calls = 0;
        entry.failures = 0;
      }
      entry.calls++;
      if (outcome === "ok") {
        entry.failedInARow = 0;
        entry.unreached = 0;
        if (entry.status !== "DOWN") return [];
        clean(entry, at);
        return change(entry, "READY", "a call succeeded");
      }
      if (!counts(outcome)) return [];
      entry.failures++;
      entry.failedInARow++;
      const broken =
        entry.failedInARow >= FAILED_IN_A_ROW ||
        (entry.calls >= BREAKER_CALLS && entry.failures / entry.calls >= BREAKER_SHARE);
      return broken && entry.status !== "DOWN" ? down(entry, `too many calls failed: ${outcome.message}`, at) : [];
    },
    candidates: () => [...entries.values()].map(({ info, status }) => ({ info, status })),
    view: () =>
      [...entries.values()].map(({ info, status, p95Ms, errorRate }) => ({
        info,
        status,
        ...(p95Ms === undefined ? {} : { p95Ms }),
        ...(errorRate === undefined ? {} : { errorRate }),
      })),
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
