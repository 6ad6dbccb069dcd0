import { payloadTypes } from "atp-protocol";
import { toWindow } from "../model/index.js";
import type { Ms } from "../model/index.js";
import type { StreamEffect, StreamEvent } from "./events.js";
import type { StreamState } from "./state.js";

/** What is left is told when it moved by this share of what was told last, and no more often than this (A7.6). */
const MOVED = 0.2;
const EVERY_MS = 100;

/** Events after which more or less may be left of a stream's window. */
const moving: ReadonlySet<StreamEvent["t"]> = new Set<StreamEvent["t"]>([
  "hold.granted",
  "hold.extended",
  "leg.ended",
  "leg.preempted",
  "client.window",
]);

/** Whether an event may have moved what is left. */
export function movesWindow(event: StreamEvent): boolean {
  return moving.has(event.t) || (event.t === "timer.fired" && event.timer === "left");
}

/** What neither calls that ended have spent nor those that wait for a slot or run have reserved; never below 0. */
export function leftOf(s: StreamState): {
  readonly parallel: number;
  readonly tokens: number;
  readonly usdMicros: number;
} {
  let parallel = s.window.parallel ?? Infinity;
  let tokens = s.window.tokens ?? Infinity;
  let usdMicros = s.window.usdMicros ?? Infinity;
  for (const leg of s.legs) {
    if (leg.phase === "ended") {
      tokens -= leg.inTokens + leg.outTokens;
      usdMicros -= leg.usdMicros;
    } else if (leg.phase === "queued" || leg.phase === "running") {
      parallel--;
      tokens -= leg.held.tokens;
      usdMicros -= leg.held.usdMicros;
    }
  }
  return { parallel: Math.max(0, parallel), tokens: Math.max(0, tokens), usdMicros: Math.max(0, usdMicros) };
}

function moved(left: number, told: number): boolean {
  return Number.isFinite(told) && Math.abs(left - told) >= MOVED * told && left !== told;
}

/** Tells the client what is left of its window, when that moved enough and was not told just now; else a little later. */
export function tellLeft(s: StreamState, at: Ms, out: StreamEffect[]): void {
  if (s.phase === "ended" || s.opening.dryRun) return;
  const left = leftOf(s);
  const told = s.toldLeft ?? { tokens: s.window.tokens ?? Infinity, usdMicros: s.window.usdMicros ?? Infinity };
  if (!moved(left.tokens, told.tokens) && !moved(left.usdMicros, told.usdMicros)) return;
  const next = s.toldLeftAt + EVERY_MS;
  if (at < next) {
    out.push({ key: s.key, t: "timer.set", timer: "left", at: next });
    return;
  }
  s.toldLeft = { tokens: left.tokens, usdMicros: left.usdMicros };
  s.toldLeftAt = at;
  const known = Object.fromEntries(Object.entries(left).filter(([, value]) => Number.isFinite(value)));
  // Its number is the session's to give.
  const content = { window: toWindow(s.window), left: toWindow(known) };
  out.push({ key: s.key, t: "control", payload: { type: payloadTypes.windowUpdate, content } });
}
