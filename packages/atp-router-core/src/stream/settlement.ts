import { meterOutput, slackOf, topUp } from "../money/index.js";
import type { AdapterFinal, Amounts, Failure, Limits, Ms, Usage } from "../model/index.js";
import type { StreamEffect } from "./events.js";
import type { Leg, StreamState } from "./state.js";

type Out = StreamEffect[];

/** Counts what a piece of the answer used. */
export function meter(leg: Leg, usage: Usage, at: Ms): void {
  leg.inTokens += usage.inTokens;
  leg.outTokens += usage.outTokens;
  leg.usdMicros += usage.usdMicros;
  meterOutput(leg.recent, usage.outTokens, at);
}

/** Whether a hold covers its call: `over` when the call is to be cut now. */
export type Coverage = "covered" | "over";

/**
 * Sees that the hold covers what the call uses. A call of an adapter that cancels cleanly is topped up ahead of its use, and cut when
 * that is refused; any other was sent with a clip that its hold covers, so only an adapter that bills beyond it runs past.
 */
export function cover(s: StreamState, leg: Leg, at: Ms, out: Out): Coverage {
  if (!leg.call.estimate.cancelsCleanly) {
    coverOverrun(s, leg, at, out);
    return "covered";
  }
  if (leg.extension === "asked") return "covered";
  const { estimate, adapter } = leg.call;
  const decision = topUp({
    estimate,
    ...(adapter.price === undefined ? {} : { price: adapter.price }),
    held: leg.held,
    used: leg,
    slackTokens: slackOf(leg.recent, at),
    maxOutputTokens: leg.maxOutputTokens,
    extension: leg.extension,
    ...(leg.extensionLeft === undefined ? {} : { left: leg.extensionLeft }),
  });
  if (decision.t === "extend") extend(s, leg, decision.more, out);
  return decision.t === "cancel" ? "over" : "covered";
}

/** Usage ran past the hold: ask for more, so that the windows stay true; refused, the call is cut. */
function coverOverrun(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  const tokens = leg.inTokens + leg.outTokens - leg.held.tokens;
  const usdMicros = leg.usdMicros - leg.held.usdMicros;
  if ((tokens <= 0 && usdMicros <= 0) || leg.extension === "asked") return;
  const price = leg.outTokens > 0 ? leg.usdMicros / leg.outTokens : 0;
  const ahead = slackOf(leg.recent, at);
  const more = {
    parallel: 0,
    tokens: Math.max(0, tokens) + ahead,
    usdMicros: Math.max(0, usdMicros) + Math.ceil(price * ahead),
  };
  extend(s, leg, more, out);
}

function extend(s: StreamState, leg: Leg, more: Amounts, out: Out): void {
  leg.extension = "asked";
  leg.extensions++;
  out.push({ key: s.key, t: "hold.extend", leg: leg.index, hold: leg.hold, attempt: leg.extensions, more });
}

/** The extension was granted. */
export function extended(s: StreamState, leg: Leg, more: Amounts, at: Ms, out: Out): Coverage {
  leg.extension = "none";
  leg.extensionLeft = undefined;
  if (leg.phase !== "running") return "covered";
  leg.held = {
    parallel: leg.held.parallel,
    tokens: leg.held.tokens + more.tokens,
    usdMicros: leg.held.usdMicros + more.usdMicros,
  };
  return cover(s, leg, at, out);
}

/** The extension was refused. A call that cancels cleanly goes on while its hold lasts; any other has already run past it. */
export function notExtended(s: StreamState, leg: Leg, left: Limits | undefined, at: Ms, out: Out): Coverage {
  leg.extension = "refused";
  leg.extensionLeft = left;
  if (!leg.call.estimate.cancelsCleanly) return "over";
  return leg.phase === "running" ? cover(s, leg, at, out) : "covered";
}

/** The call's own end: settled at what it used. */
export function finished(s: StreamState, leg: Leg, final: AdapterFinal, at: Ms, out: Out): void {
  meter(leg, final.usage, at);
  leg.outcome = "ok";
  if (final.confidence !== undefined) leg.confidence = final.confidence;
  const { estimate } = leg.call;
  const metered = leg.inTokens + leg.outTokens + leg.usdMicros > 0;
  if (metered) learn(s, leg, leg.outTokens >= leg.maxOutputTokens, out);
  else {
    // An adapter that reports no usage at all is charged what it quoted, within its hold.
    leg.inTokens = Math.min(estimate.inTokens, leg.held.tokens);
    leg.outTokens = Math.min(estimate.outTokens, leg.held.tokens - leg.inTokens);
    leg.usdMicros = Math.min(estimate.usdMicros, leg.held.usdMicros);
  }
  settle(s, leg, at, out);
}

/** The call failed. One that never left the router costs nothing; any other is settled as a cancelled one. */
export function failed(s: StreamState, leg: Leg, failure: Failure, at: Ms, out: Out): void {
  leg.failure = failure;
  leg.outcome = failure.kind === "timeout" ? "timeout" : failure.kind === "cancelled" ? "cancelled" : "failed";
  if (failure.sent || leg.chunks > 0) {
    if (leg.outTokens > 0) learn(s, leg, true, out);
    addSlack(leg, at);
    settle(s, leg, at, out);
    return;
  }
  leg.phase = "ended";
  leg.endedAt = at;
  out.push({ key: s.key, t: "hold.void", hold: leg.hold });
  out.push({ key: s.key, t: "lane.release", leg: leg.index, inTokens: 0, outTokens: 0 });
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
    if (leg.outTokens > 0) learn(s, leg, true, out);
    addSlack(leg, at);
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

/** Tells what the call really cost, for the quotes to come. @param cut it would have used at least this */
function learn(s: StreamState, leg: Leg, cut: boolean, out: Out): void {
  const { inTokens, outTokens, usdMicros } = leg;
  const { adapter, quoted, estimate } = leg.call;
  out.push({
    key: s.key,
    t: "cost.seen",
    adapter: adapter.id,
    taskType: s.opening.task.taskType,
    quoted: quoted ?? estimate,
    used: { inTokens, outTokens, usdMicros },
    cut,
  });
}

/** What was seen, and what may have been on its way, never more than the hold (A7.4). */
function addSlack(leg: Leg, at: Ms): void {
  const { estimate } = leg.call;
  if (leg.inTokens === 0) leg.inTokens = Math.min(estimate.inTokens, leg.held.tokens);
  const room = Math.max(0, leg.held.tokens - leg.inTokens - leg.outTokens);
  const slack = Math.min(room, slackOf(leg.recent, at));
  const perToken = Math.ceil(estimate.usdMicros / Math.max(1, estimate.outTokens));
  const usdRoom = Math.max(0, leg.held.usdMicros - leg.usdMicros);
  leg.outTokens += slack;
  leg.usdMicros += Math.min(usdRoom, slack * perToken);
}

function settle(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  leg.phase = "ended";
  leg.endedAt = at;
  const tokens = leg.inTokens + leg.outTokens;
  tellOverrun(s, leg, "tokens", leg.granted.tokens, tokens, out);
  tellOverrun(s, leg, "usdMicros", leg.granted.usdMicros, leg.usdMicros, out);
  out.push({ key: s.key, t: "hold.settle", hold: leg.hold, used: { tokens, usdMicros: leg.usdMicros } });
  out.push({ key: s.key, t: "lane.release", leg: leg.index, inTokens: leg.inTokens, outTokens: leg.outTokens });
}

/** A call that billed more than it was sent with is charged in full, and its adapter is known for it (A7.5). */
function tellOverrun(
  s: StreamState,
  leg: Leg,
  dimension: "tokens" | "usdMicros",
  held: number,
  used: number,
  out: Out,
): void {
  const { id: adapter, name } = leg.call.adapter;
  if (used > held) out.push({ key: s.key, t: "overrun", adapter, name, dimension, held, used });
}
