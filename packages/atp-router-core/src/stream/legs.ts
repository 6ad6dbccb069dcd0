import { payloadTypes } from "atp-protocol";
import type { Payload } from "atp-protocol";
import type { Chunk, Limits, Ms, PlannedCall } from "../model/index.js";
import { newMeter } from "../money/index.js";
import type { StreamEffect } from "./events.js";
import { cover, meter } from "./settlement.js";
import type { Coverage } from "./settlement.js";
import type { Leg, StreamState } from "./state.js";

type Out = StreamEffect[];

/** Pieces an adapter may be ahead of what was forwarded. */
const DEMAND = 64;
/** Characters of a stream that may wait for a slow reader before its adapters are stopped (A8.3), and one piece more of each. */
const MAX_HELD = 65_536;

/** Why a call is made that is not one of the plan's. */
export interface Reason {
  /** It is sent beside this call, which says nothing yet. */
  readonly hedges?: number;
  /** It goes on where this one broke off. */
  readonly continues?: Leg;
}

/** A new call of the stream; its hold is asked at once. */
export function addLeg(s: StreamState, call: PlannedCall, at: Ms, out: Out, why: Reason = {}): void {
  reserve(s, newLeg(s, call, at, why), at, out);
}

/** New calls that are made at the same time: their holds are asked for together. */
export function addLegs(s: StreamState, calls: readonly PlannedCall[], at: Ms, out: Out): void {
  const legs = calls.map((call) => newLeg(s, call, at, {}));
  if (legs.length > 1) reserveAll(s, legs, at, out);
  else for (const leg of legs) reserve(s, leg, at, out);
}

function newLeg(s: StreamState, call: PlannedCall, at: Ms, why: Reason): Leg {
  const { continues } = why;
  const earlier = s.legs.filter((leg) => isSameSlot(leg, call));
  const last = earlier.at(-1);
  const leg: Leg = {
    index: s.legs.length,
    call,
    phase: "holding",
    hold: "",
    holdAttempts: 0,
    held: call.hold,
    granted: call.hold,
    // What was said already counts.
    maxOutputTokens: Math.max(1, call.maxOutputTokens - (continues?.outTokens ?? 0)),
    extensions: 0,
    extension: "none",
    extensionLeft: undefined,
    inTokens: 0,
    outTokens: 0,
    usdMicros: 0,
    recent: newMeter(at),
    chunks: 0,
    // A call to an adapter that was asked before has that one's slot, and voids its text (A4.2).
    attempt: continues?.attempt ?? (last === undefined ? 0 : last.cut ? last.attempt : last.attempt + 1),
    told: continues?.told ?? (last?.cut === true ? last.told : 0),
    cut: false,
    demand: 0,
    text: continues?.text ?? "",
    confidence: undefined,
    enqueuedAt: at,
    startedAt: undefined,
    firstAt: undefined,
    endedAt: undefined,
    outcome: undefined,
    failure: undefined,
    nth: earlier.length,
    hedges: why.hedges,
    begun: continues?.text.length ?? 0,
  };
  s.legs.push(leg);
  return leg;
}

/** Whether two calls' partials have one slot at the client: an adapter's sample. */
function isSameSlot({ call: a }: Leg, b: PlannedCall): boolean {
  return a.adapter.name === b.adapter.name && a.sample === b.sample;
}

/** Tells that what a call said is void: an empty text under the next attempt (A4.2). */
export function voidSlot(s: StreamState, leg: Leg, out: Out): void {
  if (leg.told === 0 || leg.cut) return;
  leg.cut = true;
  leg.attempt++;
  leg.told = 0;
  const content = { ...partialContent(leg), text: "", cut: leg.failure?.kind ?? "cancelled" };
  out.push({ key: s.key, t: "send", payload: { type: payloadTypes.partial, content } });
}

/** Asks the leg's hold over the stream's own window and the outer ones. */
export function reserve(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  leg.phase = "holding";
  leg.holdAttempts++;
  // A new id for each attempt: a hold is resolved once and its id never used again.
  leg.hold = `${s.key}#${s.nextHold++}`;
  out.push({
    key: s.key,
    t: "hold.reserve",
    leg: leg.index,
    adapter: leg.call.adapter.id,
    lane: s.qos,
    hold: leg.hold,
    scopes: s.opening.scopes,
    window: s.window,
    amounts: leg.held,
    ttlMs: s.opening.deadlineAt - at,
  });
}

/** Asks for the holds of several legs, all or none: half a quorum is spent in vain. */
export function reserveAll(s: StreamState, legs: readonly Leg[], at: Ms, out: Out): void {
  const holds = legs.map((leg) => {
    leg.hold = `${s.key}#${s.nextHold++}`;
    return { leg: leg.index, adapter: leg.call.adapter.id, hold: leg.hold, amounts: leg.held };
  });
  const { scopes, deadlineAt } = s.opening;
  const ttlMs = deadlineAt - at;
  out.push({ key: s.key, t: "hold.reserveAll", lane: s.qos, scopes, window: s.window, ttlMs, holds });
}

/** How many of these legs, from the first on, fit into what is left. */
export function fitting(legs: readonly Leg[], left: Limits): number {
  const sum = { parallel: 0, tokens: 0, usdMicros: 0 };
  return legs.findIndex(({ held }) =>
    (["parallel", "tokens", "usdMicros"] as const).some((dimension) => {
      sum[dimension] += held[dimension];
      return held[dimension] > 0 && sum[dimension] > (left[dimension] ?? Infinity);
    }),
  );
}

/** The hold stands: queue for a slot. */
export function enqueue(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  leg.granted = leg.held;
  leg.phase = "queued";
  leg.enqueuedAt = at;
  out.push({
    key: s.key,
    t: "lane.enqueue",
    leg: leg.index,
    lane: s.qos,
    tenant: s.opening.principal.tenant,
    session: s.opening.scopes.find(({ source }) => source === "session")?.key ?? "",
    adapter: leg.call.adapter.id,
    inTokens: leg.call.estimate.inTokens,
    outTokens: Math.min(leg.call.estimate.outTokens, leg.maxOutputTokens),
    deadlineAt: s.opening.deadlineAt,
  });
}

/** A slot is free: the call leaves the router. */
export function start(s: StreamState, leg: Leg, waitedMs: Ms, at: Ms, out: Out): void {
  leg.phase = "running";
  leg.startedAt = at;
  s.queueMs = Math.max(s.queueMs, waitedMs);
  out.push({
    key: s.key,
    t: "leg.start",
    leg: leg.index,
    adapter: leg.call.adapter.id,
    hold: leg.hold,
    task: s.opening.task,
    qos: s.qos,
    maxOutputTokens: leg.maxOutputTokens,
    contextJson: s.contextJson,
    sample: leg.call.sample,
    attempt: leg.nth,
    deadlineAt: s.opening.deadlineAt,
    ...(leg.begun === 0 ? {} : { begun: leg.text }),
  });
  replenish(s, leg, out);
}

/** Lets the adapter go on, unless the reader is slow. */
export function replenish(s: StreamState, leg: Leg, out: Out): void {
  if (isPaused(s) || leg.phase !== "running" || leg.demand > DEMAND / 2) return;
  const n = DEMAND - leg.demand;
  leg.demand = DEMAND;
  out.push({ key: s.key, t: "leg.demand", leg: leg.index, n });
}

/** The reader is slow and what waits for it is as much as may wait: the adapter is to say no more, whatever it was allowed. */
function withdraw(s: StreamState, leg: Leg, out: Out): void {
  if (s.heldCharacters < MAX_HELD || leg.demand <= 0) return;
  out.push({ key: s.key, t: "leg.demand", leg: leg.index, n: -leg.demand });
  leg.demand = 0;
}

function isPaused({ full }: StreamState): boolean {
  return full.socket || full.stream;
}

/** The reader is slow. What its adapters were allowed may come, up to a bound. */
export function pause(s: StreamState, of: "socket" | "stream"): void {
  if (!isPaused(s)) s.heldCharacters = 0;
  s.full[of] = true;
}

/** There is room again. @param of absent: in every way */
export function unpause(s: StreamState, of: "socket" | "stream" | undefined, out: Out): void {
  if (of === undefined) s.full = { socket: false, stream: false };
  else s.full[of] = false;
  if (isPaused(s)) return;
  for (const leg of s.legs) replenish(s, leg, out);
}

/** A piece of the answer: forward it, meter it, and see whether its hold still covers it. */
export function chunked(s: StreamState, leg: Leg, chunk: Chunk, at: Ms, out: Out): Coverage {
  if (leg.phase !== "running") return "covered";
  meter(leg, chunk.usage, at);
  leg.firstAt ??= at;
  s.firstPartialAt ??= at;
  if (chunk.confidence !== undefined) leg.confidence = chunk.confidence;
  if (chunk.text !== undefined) leg.text += chunk.text;
  leg.chunks++;
  leg.demand--;
  const content = partialContent(leg);
  if (chunk.text !== undefined) content["text"] = chunk.text;
  if (chunk.extra !== undefined) for (const name in chunk.extra) content[name] ??= chunk.extra[name];
  const payload = partialPayload(leg, content);
  // Only plain text can be merged with its neighbour without losing anything.
  if (chunk.extra === undefined && chunk.text !== undefined)
    out.push({ key: s.key, t: "send", payload, mergeKey: `${leg.index}/${leg.attempt}` });
  else out.push({ key: s.key, t: "send", payload });
  if (isPaused(s)) {
    s.heldCharacters += chunk.text?.length ?? 0;
    for (const other of s.legs) withdraw(s, other, out);
  } else replenish(s, leg, out);
  return cover(s, leg, at, out);
}

function partialContent(leg: Leg): Record<string, unknown> {
  const content: Record<string, unknown> = {
    adapter: leg.call.adapter.name,
    chunk: leg.told++,
    attempt: leg.attempt,
  };
  if (leg.call.sample > 0) content["sample"] = leg.call.sample;
  return content;
}

function partialPayload(leg: Leg, content: Record<string, unknown>): Payload {
  return leg.confidence === undefined
    ? { type: payloadTypes.partial, content }
    : { type: payloadTypes.partial, content, confidence: leg.confidence };
}

/** One partial for each slot that has said anything: all its text so far, under the next attempt (A9.2). */
export function snapshot(s: StreamState, out: Out): void {
  const newest = new Map<string, Leg>();
  for (const leg of s.legs)
    if (leg.chunks > 0 || leg.told > 0) newest.set(`${leg.call.adapter.name}/${leg.call.sample}`, leg);
  for (const leg of newest.values()) {
    leg.attempt++;
    leg.told = 0;
    // What was void stays void.
    const text = leg.cut ? "" : leg.text;
    out.push({ key: s.key, t: "send", payload: partialPayload(leg, { ...partialContent(leg), text }) });
  }
}
