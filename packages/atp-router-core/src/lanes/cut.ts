import type { Lane, Ms } from "../model/index.js";
import { laneNames } from "./weights.js";

/** Refuses the least of what comes while the router itself has no time or memory left, so that the rest is served well. */
export interface PriorityCut {
  /** Whether a request of this lane and tenant may come in; it is counted. */
  admits(lane: Lane, tenant: string, at: Ms): boolean;
  /** How the router is: looked at a few times a second. */
  sense(signals: Signals, at: Ms): void;
  /** How much of what came in the last window was let in, 0 to 1. */
  readonly share: number;
  readonly overloaded: boolean;
}

/** How a router's process is. */
export interface Signals {
  /** How late its timers are, in milliseconds. */
  readonly lagMs: Ms;
  /** How much of the memory that it may use it does, 0 to 1; absent: not known. */
  readonly memory?: number;
}

/** Levels a lane is divided into by tenant. */
const LEVELS = 128;
const WINDOW_MS = 1_000;
const HOUR_MS = 3_600_000;
/** Later than this the router is short of time. */
const LAG_MS = 50;
const MEMORY = 0.8;
/** It is overloaded when so many of its last looks say so: a single long pause is none. */
const LOOKS = 4;
const BAD_LOOKS = 3;
/** In an overloaded window the next lets in so much of what this one did; in another so much more of what came. */
const LESS = 0.95;
const MORE = 0.01;

/**
 * The overload control of DAGOR (Zhou et al., 2018): requests stand in levels by lane and by a hash of their tenant, and a cursor
 * moves over the levels by what was let in. Tenants, not sessions, so that nobody gets another place by coming anew; the hash
 * changes each hour, so that it is not always the same ones. The level at the cursor is let in by a share of it: a router
 * with one tenant is cut as finely as one with a thousand.
 * @param seed differs between routers, so that they do not cut the same tenants
 */
export function createPriorityCut(seed: number): PriorityCut {
  const counts = new Uint32Array(laneNames.length * LEVELS);
  /** Levels below it come in; of the level at it a share does. */
  let cursor = counts.length;
  let part = 1;
  let taken = 0;
  let cameAtCursor = 0;
  let came = 0;
  let since: Ms = 0;
  let share = 1;
  let bad = 0;
  let looks = 0;
  let overloaded = false;

  function levelOf(lane: Lane, tenant: string, at: Ms): number {
    const hour = Math.floor(at / HOUR_MS);
    return laneNames.indexOf(lane) * LEVELS + (hashOf(tenant, (seed ^ Math.imul(hour, 0x9e3779b1)) >>> 0) % LEVELS);
  }

  function turn(at: Ms): void {
    const isCut = cursor < counts.length;
    if (came > 0) share = taken / came;
    if (overloaded || isCut) aim(overloaded ? taken * LESS : taken + Math.max(1, came * MORE));
    counts.fill(0);
    taken = 0;
    came = 0;
    cameAtCursor = 0;
    since = at;
  }

  /** Moves the cursor to where a window like the last one lets so many in. */
  function aim(wanted: number): void {
    let sum = 0;
    for (let level = 0; level < counts.length; level++) {
      const here = counts[level] ?? 0;
      if (here > 0 && sum + here > wanted) {
        cursor = level;
        part = (wanted - sum) / here;
        return;
      }
      sum += here;
    }
    cursor = counts.length;
    part = 1;
    share = 1;
  }

  return {
    admits(lane, tenant, at) {
      if (at - since >= WINDOW_MS) turn(at);
      came++;
      // While nothing is cut only the histogram is kept.
      const level = levelOf(lane, tenant, at);
      counts[level] = (counts[level] ?? 0) + 1;
      if (level > cursor) return false;
      if (level === cursor) {
        // Evenly spread over those that come.
        const before = Math.floor(cameAtCursor * part);
        cameAtCursor++;
        if (Math.floor(cameAtCursor * part) === before) return false;
      }
      taken++;
      return true;
    },
    sense({ lagMs, memory = 0 }, at) {
      const isBad = lagMs > LAG_MS || memory > MEMORY;
      // The last looks as bits.
      bad = ((bad << 1) | (isBad ? 1 : 0)) & ((1 << LOOKS) - 1);
      looks = Math.min(LOOKS, looks + 1);
      overloaded = looks === LOOKS && bitsOf(bad) >= BAD_LOOKS;
      if (at - since >= WINDOW_MS) turn(at);
    },
    get share() {
      return share;
    },
    get overloaded() {
      return overloaded;
    },
  };
}

function bitsOf(n: number): number {
  let bits = 0;
  for (let rest = n; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
}

/** FNV-1a over UTF-16 units, mixed at the end. */
function hashOf(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  return (hash ^ (hash >>> 13)) >>> 0;
}
