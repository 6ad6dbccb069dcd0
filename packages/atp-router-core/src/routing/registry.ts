import { tailsOf } from "../model/index.js";
import type { AdapterHealth, AdapterInfo, AdapterStatus, Candidate, Failure, Ms, TailsConfig } from "../model/index.js";
import { FIRST_RETRY_MS, isWell, newEntry, stateOf, windowOf } from "./adapter-entry.js";
import type { AdapterState, Entry } from "./adapter-entry.js";
import { breakerState, countCall, takeTurn, tellsOnAdapter } from "./breaker.js";
import { nameFor } from "./names.js";
import { createOutliers } from "./outliers.js";

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
  /** A call is sent to it. */
  callStarted(id: string): void;
  /** A call has left it, however it ended. */
  callLeft(id: string): void;
  /** A call's own end, which tells of the adapter. */
  callEnded(id: string, outcome: "ok" | Failure, at: Ms): readonly StatusChange[];
  /** A call had said nothing when another adapter's, sent much later, began to answer. */
  callSlow(id: string, at: Ms): readonly StatusChange[];
  /** A call billed so many times what it held (over 1): its adapter's word counts for less (A7.5). */
  callOverran(id: string, times: number): void;
  /** A call was billed; one within its hold brings back a part of what was lost. */
  callBilled(id: string): void;
  /** How far an adapter's word for its answers counts, 0 to 1. */
  ratingOf(id: string): number;
  /** In the order in which they were added. */
  candidates(): readonly { readonly info: AdapterInfo; readonly status: AdapterStatus }[];
  /**
   * The adapters as a new stream finds them: those that get no calls for now, and those to be asked after all others because they
   * are full or just come back. Takes the stream's turn at those that are on trial.
   */
  offers(at: Ms): readonly Candidate[];
  /** Calls that an adapter wants at most, by configuration and by its own word; undefined when neither says. */
  windowOf(id: string): number | undefined;
  /** Whether a call more is welcome: it is well, not on trial, and not full. */
  isWelcome(id: string, at: Ms): boolean;
  view(at: Ms): readonly AdapterState[];
  /** When the next probe is due; null without adapters. */
  nextProbeAt(): Ms | null;
  /** Adapters whose health is to be asked now; each is due again only later. */
  probesDue(at: Ms): readonly string[];
  /** Compares the adapters with one another, when it is time to. */
  sweep(at: Ms): readonly StatusChange[];
}

/** A well adapter is asked this often. */
const PROBE_MS = 10_000;
/** One that is down is asked this often at least. */
const MAX_RETRY_MS = 10_000;
/** Times in a row that it was not reached which make an adapter DOWN. */
const UNREACHED = 2;
/** An adapter that bills twice its hold, or more, loses so much of its rating by each call; one that bills less above it a part of that. */
const OVERRUN_LOSS = 0.3;
/** And gets this share of what it lost back by each call that is billed. */
const RATING_BACK = 0.03;
/** With nobody else left, an adapter that gets no calls is tried this often all the same. */
const LAST_RESORT_MS = 1_000;

/** How long to leave an adapter alone that asked for it. */
function pauseMs(retryAfterMs: number | undefined): Ms {
  return Math.min(PROBE_MS, Math.max(FIRST_RETRY_MS, retryAfterMs ?? 0));
}

/** A registry with no adapter in it. Names are unique: a second adapter of a name gets a number. */
export function createRegistry(config: Pick<TailsConfig, "breaker" | "outliers"> = tailsOf()): AdapterRegistry {
  const entries = new Map<string, Entry>();
  const limits = config.breaker;
  const outliers = config.outliers === "off" ? undefined : createOutliers(config.outliers);

  /** Until when an adapter gets no calls; undefined when it may get some. */
  function shutUntil(entry: Entry, at: Ms): Ms | undefined {
    const open = breakerState(entry.breaker, at) === "open" ? entry.breaker.openUntil : undefined;
    const ejected = outliers?.ejectedUntil(entry.id, at);
    return open === undefined ? ejected : Math.max(open, ejected ?? open);
  }

  function shut(entry: Entry, reason: string, at: Ms): readonly StatusChange[] {
    entry.probeAt = shutUntil(entry, at) ?? at;
    return change(entry, "DOWN", reason);
  }

  function count(entry: Entry, outcome: "ok" | "failed", at: Ms): boolean {
    outliers?.count(entry.id, outcome === "failed");
    return limits !== "off" && countCall(entry.breaker, outcome, at, limits);
  }

  /** With nobody to ask, the one that would come back first is asked once a second. */
  function lastResort(at: Ms): Entry | undefined {
    let first: { readonly entry: Entry; readonly until: Ms } | undefined;
    for (const entry of entries.values()) {
      const until = shutUntil(entry, at);
      if (until === undefined) {
        if (isWell(entry.status)) return undefined;
      } else if (first === undefined || until < first.until) first = { entry, until };
    }
    if (first === undefined || at - first.entry.lastResortAt < LAST_RESORT_MS) return undefined;
    first.entry.lastResortAt = at;
    first.entry.breaker.trialAt = at;
    return first.entry;
  }

  function offer(entry: Entry, at: Ms): Candidate {
    const { info, status } = entry;
    const until = shutUntil(entry, at);
    if (until !== undefined) return { info, status, shutMs: until - at };
    if (!isWell(status)) return { info, status };
    const full = entry.running >= (windowOf(entry) ?? Infinity);
    const isLate = takeTurn(entry.breaker, at) === "late" || full;
    return isLate ? { info, status, late: true } : { info, status };
  }

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
      const entry = newEntry(id, configured, limits === "off" ? 0 : limits.openMs);
      entries.delete(id);
      describe(entry, {});
      entries.set(id, entry);
    },
    remove(id) {
      entries.delete(id);
      outliers?.remove(id);
    },
    healthOk(id, health, at) {
      const entry = entries.get(id);
      if (entry === undefined) return [];
      describe(entry, health.info);
      entry.p95Ms = health.p95Ms;
      entry.errorRate = health.errorRate;
      entry.suggested = (health.suggestedMaxParallel ?? 0) > 0 ? health.suggestedMaxParallel : undefined;
      reached(entry);
      const until = shutUntil(entry, at);
      if (until !== undefined) {
        // It says that it is well, but its calls fail: it gets its trial when its time is over.
        entry.probeAt = Math.min(until, at + PROBE_MS);
        return [];
      }
      entry.probeAt = at + (health.status === "READY" ? PROBE_MS : pauseMs(health.retryAfterMs));
      const onTrial = breakerState(entry.breaker, at) === "trial";
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
    callStarted(id) {
      const entry = entries.get(id);
      if (entry !== undefined) entry.running++;
    },
    callLeft(id) {
      const entry = entries.get(id);
      if (entry !== undefined && entry.running > 0) entry.running--;
    },
    callEnded(id, outcome, at) {
      const entry = entries.get(id);
      if (entry === undefined) return [];
      if (outcome === "ok") {
        reached(entry);
        count(entry, "ok", at);
        const isBack = entry.status === "DOWN" && shutUntil(entry, at) === undefined;
        return isBack ? change(entry, "READY", "a call succeeded") : [];
      }
      if (outcome.kind === "exhausted") {
        // At capacity is no failure: it is left alone for as long as it asks.
        if (entry.status !== "READY" || outcome.retryAfterMs === undefined) return [];
        entry.probeAt = at + pauseMs(outcome.retryAfterMs);
        return change(entry, "BUSY", outcome.message);
      }
      if (!tellsOnAdapter(outcome)) return [];
      if (count(entry, "failed", at))
        return shut(entry, `too many of its calls failed, the last with: ${outcome.message}`, at);
      return outcome.kind === "unavailable" ? unreachable(entry, outcome.message, at) : [];
    },
    callSlow(id, at) {
      const entry = entries.get(id);
      return entry !== undefined && count(entry, "failed", at)
        ? shut(entry, "too many of its calls began late", at)
        : [];
    },
    callOverran(id, times) {
      const entry = entries.get(id);
      if (entry !== undefined) entry.rating *= 1 - OVERRUN_LOSS * Math.max(0, Math.min(1, times - 1));
    },
    callBilled(id) {
      const entry = entries.get(id);
      if (entry !== undefined) entry.rating += RATING_BACK * (1 - entry.rating);
    },
    ratingOf: (id) => entries.get(id)?.rating ?? 1,
    candidates: () => [...entries.values()].map(({ info, status }) => ({ info, status })),
    offers(at) {
      const tried = lastResort(at);
      return [...entries.values()].map((entry) =>
        entry === tried ? { info: entry.info, status: entry.status } : offer(entry, at),
      );
    },
    windowOf(id) {
      const entry = entries.get(id);
      return entry === undefined ? undefined : windowOf(entry);
    },
    isWelcome(id, at) {
      const entry = entries.get(id);
      if (entry === undefined || entry.status !== "READY" || shutUntil(entry, at) !== undefined) return false;
      return breakerState(entry.breaker, at) === "closed" && entry.running < (windowOf(entry) ?? Infinity);
    },
    view: (at) =>
      [...entries.values()].map((entry) =>
        stateOf(entry, at, shutUntil(entry, at), outliers?.ejectedUntil(entry.id, at) !== undefined),
      ),
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
    sweep: (at) =>
      (outliers?.sweep(at) ?? []).flatMap(({ id, reason }) => {
        const entry = entries.get(id);
        return entry === undefined ? [] : shut(entry, reason, at);
      }),
  };
}
