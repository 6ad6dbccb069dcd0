import type { AdapterFinal, Amounts, Failure, Ms, Usage } from "../model/index.js";
import type { StreamEffect } from "./events.js";
import type { Leg, StreamState } from "./state.js";

type Out = StreamEffect[];

/** Output that may be on its way when a call is cancelled: at least this many tokens (A7.2). */
const SLACK_TOKENS = 16;
const SLACK_WINDOW_MS = 250;

/** Counts what a piece of the answer used. */
export function meter(leg: Leg, usage: Usage, at: Ms): void {
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

/** Usage ran past the hold: ask for more, so that the windows stay true; refused, the call is cut. */
export function cover(s: StreamState, leg: Leg, out: Out): void {
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
  const { estimate } = leg.call;
  if (leg.inTokens + leg.outTokens + leg.usdMicros === 0) {
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
  tellOverrun(s, leg, "tokens", leg.granted.tokens, tokens, out);
  tellOverrun(s, leg, "usdMicros", leg.granted.usdMicros, leg.usdMicros, out);
  out.push({ key: s.key, t: "hold.settle", hold: leg.hold, used: { tokens, usdMicros: leg.usdMicros } });
  out.push({ key: s.key, t: "lane.release", leg: leg.index, cost: tokens });
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
  if (used > held) out.push({ key: s.key, t: "overrun", adapter: leg.call.adapter.id, dimension, held, used });
}
