import { payloadTypes } from "atp-protocol";
import type { Payload } from "atp-protocol";
import type { AdapterFinal, Amounts, Chunk, Failure, Ms, PlannedCall, Usage } from "../model/index.js";
import type { StreamEffect } from "./events.js";
import type { Leg, StreamState } from "./state.js";

type Out = StreamEffect[];

/** Pieces an adapter may be ahead of what was forwarded. */
const DEMAND = 64;
/** Output that may be on its way when a call is cancelled: at least this many tokens (A7.2). */
const SLACK_TOKENS = 16;
const SLACK_WINDOW_MS = 250;

/** A new call of the stream; its hold is asked at once. */
export function addLeg(s: StreamState, call: PlannedCall, at: Ms, out: Out): void {
  const leg: Leg = {
    index: s.legs.length,
    call,
    phase: "holding",
    hold: "",
    holdAttempts: 0,
    held: call.hold,
    maxOutputTokens: call.maxOutputTokens,
    extensions: 0,
    extending: false,
    inTokens: 0,
    outTokens: 0,
    usdMicros: 0,
    recentTokens: 0,
    olderTokens: 0,
    recentSince: at,
    chunks: 0,
    attempt: attemptOf(s, call),
    told: 0,
    demand: 0,
    text: "",
    confidence: undefined,
    enqueuedAt: at,
    startedAt: undefined,
    firstAt: undefined,
    endedAt: undefined,
    outcome: undefined,
    failure: undefined,
  };
  s.legs.push(leg);
  reserve(s, leg, at, out);
}

/** A call to an adapter that was asked before has that one's slot, and voids its text (A4.2). */
function attemptOf(s: StreamState, call: PlannedCall): number {
  let attempt = 0;
  for (const { call: earlier, attempt: told } of s.legs)
    if (earlier.adapter.name === call.adapter.name && earlier.sample === call.sample) attempt = told + 1;
  return attempt;
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
    hold: leg.hold,
    scopes: s.opening.scopes,
    window: s.window,
    amounts: leg.held,
    ttlMs: s.opening.deadlineAt - at,
  });
}

/** The hold stands: queue for a slot. */
export function enqueue(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  leg.phase = "queued";
  leg.enqueuedAt = at;
  out.push({
    key: s.key,
    t: "lane.enqueue",
    leg: leg.index,
    lane: s.qos,
    tenant: s.opening.principal.tenant,
    cost: leg.held.tokens,
    deadlineAt: s.opening.deadlineAt,
  });
}

/** A slot is free: the call leaves the router. */
export function start(s: StreamState, leg: Leg, waitedMs: Ms, at: Ms, out: Out): void {
  leg.phase = "running";
  leg.startedAt = at;
  leg.recentSince = at;
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
    attempt: 0,
    deadlineAt: s.opening.deadlineAt,
  });
  replenish(s, leg, out);
}

/** Lets the adapter go on, unless the reader is slow. */
export function replenish(s: StreamState, leg: Leg, out: Out): void {
  if (s.paused || leg.phase !== "running" || leg.demand > DEMAND / 2) return;
  const n = DEMAND - leg.demand;
  leg.demand = DEMAND;
  out.push({ key: s.key, t: "leg.demand", leg: leg.index, n });
}

function meter(leg: Leg, usage: Usage, at: Ms): void {
  leg.inTokens += usage.inTokens;
  leg.outTokens += usage.outTokens;
  leg.usdMicros += usage.usdMicros;
  if (at - leg.recentSince > SLACK_WINDOW_MS) {
    leg.olderTokens = leg.recentTokens;
    leg.recentTokens = 0;
    leg.recentSince = at;
  }
  leg.recentTokens += usage.outTokens;
}

/** A piece of the answer: forward it, meter it, and see that its hold still covers it. */
export function chunked(s: StreamState, leg: Leg, chunk: Chunk, at: Ms, out: Out): void {
  if (leg.phase !== "running") return;
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
  replenish(s, leg, out);
  cover(s, leg, out);
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
  for (const leg of s.legs) if (leg.chunks > 0) newest.set(`${leg.call.adapter.name}/${leg.call.sample}`, leg);
  for (const leg of newest.values()) {
    leg.attempt++;
    leg.told = 0;
    out.push({ key: s.key, t: "send", payload: partialPayload(leg, { ...partialContent(leg), text: leg.text }) });
  }
}

/** Usage ran past the hold: ask for more, so that the windows stay true; refused, the call is cut. */
function cover(s: StreamState, leg: Leg, out: Out): void {
  const tokens = leg.inTokens + leg.outTokens - leg.held.tokens;
  const usdMicros = leg.usdMicros - leg.held.usdMicros;
  if ((tokens <= 0 && usdMicros <= 0) || leg.extending) return;
  leg.extending = true;
  leg.extensions++;
  const price = leg.outTokens > 0 ? leg.usdMicros / leg.outTokens : 0;
  const ahead = slackTokens(leg);
  out.push({
    key: s.key,
    t: "hold.extend",
    leg: leg.index,
    hold: leg.hold,
    attempt: leg.extensions,
    more: {
      parallel: 0,
      tokens: Math.max(0, tokens) + ahead,
      usdMicros: Math.max(0, usdMicros) + Math.ceil(price * ahead),
    },
  });
}

/** The extension was granted. */
export function extended(s: StreamState, leg: Leg, more: Amounts, out: Out): void {
  leg.extending = false;
  if (leg.phase !== "running") return;
  leg.held = {
    parallel: leg.held.parallel,
    tokens: leg.held.tokens + more.tokens,
    usdMicros: leg.held.usdMicros + more.usdMicros,
  };
  cover(s, leg, out);
}

function slackTokens(leg: Leg): number {
  return Math.max(SLACK_TOKENS, leg.olderTokens + leg.recentTokens);
}

/** The call's own end: settled at what it used. */
export function finished(s: StreamState, leg: Leg, final: AdapterFinal, at: Ms, out: Out): void {
  meter(leg, final.usage, at);
  leg.outcome = "ok";
  if (final.confidence !== undefined) leg.confidence = final.confidence;
  const { estimate, hold } = leg.call;
  if (leg.inTokens + leg.outTokens + leg.usdMicros === 0) {
    // An adapter that reports no usage at all is charged what it quoted, within its hold.
    leg.inTokens = Math.min(estimate.inTokens, leg.held.tokens);
    leg.outTokens = Math.min(estimate.outTokens, leg.held.tokens - leg.inTokens);
    leg.usdMicros = Math.min(estimate.usdMicros, leg.held.usdMicros);
  }
  const used = leg.inTokens + leg.outTokens;
  if (used > hold.tokens)
    out.push({ key: s.key, t: "overrun", adapter: leg.call.adapter.id, dimension: "tokens", held: hold.tokens, used });
  if (leg.usdMicros > hold.usdMicros) {
    out.push({
      key: s.key,
      t: "overrun",
      adapter: leg.call.adapter.id,
      dimension: "usdMicros",
      held: hold.usdMicros,
      used: leg.usdMicros,
    });
  }
  settle(s, leg, at, out);
}

/** The call failed. One that never left the router costs nothing; any other is settled as a cancelled one. */
export function failed(s: StreamState, leg: Leg, failure: Failure, at: Ms, out: Out): void {
  leg.failure = failure;
  leg.outcome = failure.kind === "timeout" ? "timeout" : failure.kind === "cancelled" ? "cancelled" : "failed";
  if (failure.sent || leg.chunks > 0) {
    addSlack(leg);
    settle(s, leg, at, out);
    return;
  }
  leg.phase = "ended";
  leg.endedAt = at;
  out.push({ key: s.key, t: "hold.void", hold: leg.hold });
  out.push({ key: s.key, t: "lane.release", leg: leg.index, cost: 0 });
}

/** Ends a call that has not ended, whatever it is doing; what it used is settled (A7.4). */
export function abandon(
  s: StreamState,
  leg: Leg,
  reason: string,
  failure: Failure | undefined,
  at: Ms,
  out: Out,
): void {
  const phase = leg.phase;
  if (phase === "ended") return;
  leg.outcome = failure === undefined ? "cancelled" : failure.kind === "timeout" ? "timeout" : "failed";
  leg.failure = failure;
  if (phase === "running") {
    out.push({ key: s.key, t: "leg.cancel", leg: leg.index, reason });
    addSlack(leg);
    settle(s, leg, at, out);
    return;
  }
  leg.phase = "ended";
  leg.endedAt = at;
  if (phase === "queued") out.push({ key: s.key, t: "lane.cancel", leg: leg.index });
  if (phase === "queued" || phase === "holding") out.push({ key: s.key, t: "hold.void", hold: leg.hold });
}

/** A call that never started: nothing is charged. */
export function skipped(leg: Leg, failure: Failure, at: Ms): void {
  leg.phase = "ended";
  leg.endedAt = at;
  leg.outcome = "skipped";
  leg.failure = failure;
}

/** What was seen, and what may have been on its way, never more than the hold (A7.4). */
function addSlack(leg: Leg): void {
  const { estimate } = leg.call;
  if (leg.inTokens === 0) leg.inTokens = Math.min(estimate.inTokens, leg.held.tokens);
  const room = Math.max(0, leg.held.tokens - leg.inTokens - leg.outTokens);
  const slack = Math.min(room, slackTokens(leg));
  const perToken = Math.ceil(estimate.usdMicros / Math.max(1, estimate.outTokens));
  const usdRoom = Math.max(0, leg.held.usdMicros - leg.usdMicros);
  leg.outTokens += slack;
  leg.usdMicros += Math.min(usdRoom, slack * perToken);
}

function settle(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  leg.phase = "ended";
  leg.endedAt = at;
  const tokens = leg.inTokens + leg.outTokens;
  out.push({ key: s.key, t: "hold.settle", hold: leg.hold, used: { tokens, usdMicros: leg.usdMicros } });
  out.push({ key: s.key, t: "lane.release", leg: leg.index, cost: tokens });
}
