import { payloadTypes } from "atp-protocol";
import { judge, weigh } from "../consensus/index.js";
import type { Verdict, WeighOptions } from "../consensus/index.js";
import type { Advice } from "../learning/index.js";
import { sizeFirstHold } from "../money/index.js";
import type { Limits, Ms } from "../model/index.js";
import { askAdvice, heard, moveNext } from "./advice.js";
import type { StreamEffect, StreamEvent } from "./events.js";
import { failureOf } from "./failures.js";
import { conclude, fail, finalContent } from "./finish.js";
import { wasHedge } from "./hedge.js";
import { addLeg, addLegs, fitting, reserve, reserveAll, voidSlot } from "./legs.js";
import { askRetry, nextTry } from "./recover.js";
import { cover, skipped } from "./settlement.js";
import type { Leg, Retry, StreamState } from "./state.js";

type Out = StreamEffect[];
type HoldRefused = Extract<StreamEvent, { t: "hold.refused" }>;

/** How long a provisional answer is worth showing, in milliseconds from sending. */
const PROVISIONAL_EXPIRY_MS = 10_000;
/** How often a hold is asked again at a smaller size before the call is given up. */
const MAX_RESIZES = 3;

/** Starts the next rung of the plan. */
export function startRung(s: StreamState, at: Ms, out: Out): void {
  s.rung++;
  // A second call that was sent beside an earlier one is not sent again.
  const calls = (s.plan?.rungs[s.rung] ?? []).filter((call) => !wasHedge(s, call));
  if (calls.length === 0) advance(s, at, out);
  else addLegs(s, calls, at, out);
}

/** Every call failed: makes another one where that may help, or ends the stream. */
function recover(s: StreamState, at: Ms, out: Out, refused?: Retry["how"]): void {
  const retry = nextTry(s, at, refused);
  if (retry === undefined) fail(s, failureOf(s), at, out);
  else if (askRetry(s, retry, out) === "free") startRung(s, at, out);
}

/** Whether and when the call may be made that was asked about. */
export function retryDecided(s: StreamState, waitMs: Ms | null, at: Ms, out: Out): void {
  if (s.retry === undefined || s.phase !== "running") return;
  if (waitMs === null || at + waitMs >= s.opening.deadlineAt) {
    const { how } = s.retry;
    s.retry = undefined;
    if (how === "rung") s.rung++;
    recover(s, at, out, how);
    return;
  }
  const failed = s.legs[s.retry.leg];
  // The reader is to know at once that what it has is no answer.
  if (s.retry.how !== "continue" && failed !== undefined) voidSlot(s, failed, out);
  if (waitMs === 0) retryDue(s, at, out);
  else out.push({ key: s.key, t: "timer.set", timer: "retry", at: at + waitMs });
}

/** Makes the call that waited. */
export function retryDue(s: StreamState, at: Ms, out: Out): void {
  const { retry } = s;
  if (retry === undefined || s.phase !== "running") return;
  s.retry = undefined;
  s.retries++;
  const failed = s.legs[retry.leg];
  if (retry.how === "rung" || failed === undefined) startRung(s, at, out);
  else addLeg(s, failed.call, at, out, retry.how === "continue" ? { continues: failed } : {});
}

/** Looks at what has been answered, and accepts, waits, asks the next rung, or gives up. */
export function advance(s: StreamState, at: Ms, out: Out): void {
  const { plan } = s;
  if (s.phase !== "running" || plan === undefined || s.retry !== undefined) return;
  const running = s.legs.reduce((n, leg) => n + (leg.phase === "ended" ? 0 : 1), 0);
  const rungsLeft = plan.rungs.length - 1 - s.rung;
  if (running > 0 && !plan.stop.eager && !s.opening.rich) return;
  const verdict = s.answers.length === 0 ? null : weigh(s.answers, weighOptions(s));
  if (verdict !== null && running > 0 && s.opening.rich) tellProvisional(s, verdict, out);
  if (running > 0 && !plan.stop.eager) return;
  if (verdict !== null && running === 0 && plan.failoverOnly) {
    conclude(s, verdict, "answered", at, out);
    return;
  }
  if (plan.stop.byValue === true && verdict !== null) {
    askAdvice(s, verdict, out);
    return;
  }
  const judgement = judge(plan.stop, verdict, { answered: s.answers.length, running, rungsLeft });
  if (!judgement.stop) {
    if (judgement.next === "wait") return;
    if (verdict === null) {
      recover(s, at, out);
      return;
    }
    s.escalations++;
    startRung(s, at, out);
    return;
  }
  if (verdict === null) {
    recover(s, at, out);
  } else if (judgement.by === "no_quorum") {
    const details = { quorum: plan.stop.quorum, best: finalContent(s, verdict, "no_quorum") };
    fail(
      s,
      {
        code: "ECONSENSUS",
        message: `No ${plan.stop.quorum ?? 2} answers agree and nothing is left to ask. Read details.best, lower the quorum, or add adapters.`,
        details,
      },
      at,
      out,
    );
  } else {
    conclude(s, verdict, judgement.by, at, out);
  }
}

/** What was advised after an answer: whom to ask now, or which answer to give. */
export function advisedNext(s: StreamState, advice: Advice, at: Ms, out: Out): void {
  if (s.phase !== "running" || s.answers.length === 0) return;
  if (advice.ask !== undefined && moveNext(s, advice.ask)) {
    s.escalations++;
    startRung(s, at, out);
    return;
  }
  const { groups } = heard(s, weigh(s.answers, weighOptions(s)));
  const leading = groups[advice.leading]?.[0];
  const learned = leading === undefined ? {} : { leading, confidence: advice.confidence };
  conclude(s, weigh(s.answers, { ...weighOptions(s), ...learned }), "value", at, out);
}

function weighOptions(s: StreamState): WeighOptions {
  const { choices, sources } = s.opening.task.content;
  const quorum = s.plan?.stop.quorum;
  const { weighing, similarity } = s.opening;
  return {
    ...(weighing === undefined ? {} : { weights: weighing.weights }),
    ...(weighing?.champion === undefined ? {} : { champion: weighing.champion }),
    ...(similarity === undefined ? {} : { similarity }),
    ...(choices === undefined ? {} : { choices }),
    ...(isSources(sources) ? { sources } : {}),
    ...(quorum === undefined ? {} : { quorum }),
  };
}

/** Whether a request brings the texts that answers may cite, by the names that citations call them. */
function isSources(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string")
  );
}

/** A consensus that may still change, for clients that said HELLO; told when it changes. */
function tellProvisional(s: StreamState, verdict: Verdict, out: Out): void {
  if (s.answers.length < 2 || verdict.answer === s.told) return;
  s.told = verdict.answer;
  const content = finalContent(s, verdict, "provisional");
  out.push({
    key: s.key,
    t: "send",
    payload: {
      type: payloadTypes.provisional,
      content: { ok: true, answer: content.answer, adapter: content.adapter, consensus: content.consensus },
      expiry_ms: PROVISIONAL_EXPIRY_MS,
      ...(verdict.confidence === undefined ? {} : { confidence: verdict.confidence }),
    },
  });
}

/** A hold was refused: ask smaller, wait for running work, or do without the call. */
export function holdRefused(s: StreamState, leg: Leg, refused: HoldRefused, at: Ms, out: Out): void {
  if (leg.hedges !== undefined) {
    // Nobody waits for a second call.
    skipped(leg, { kind: "budget", message: "no room for a second call", sent: false }, at);
    advance(s, at, out);
    return;
  }
  const { refusal, left, refillsAt } = refused;
  // What is spent of a window that refills comes back too, but only those wait for it whose patience lasts.
  s.refillMs = refillsAt === undefined || refusal.remedy !== "raise" ? undefined : Math.max(0, refillsAt - at);
  let waits = s.refillMs === undefined ? refusal.remedy === "wait" : s.refillMs <= s.opening.maxWindowWaitMs;
  const { content } = s.opening.task;
  if (leg.holdAttempts <= MAX_RESIZES && refusal.dimension !== "parallel") {
    const { price, contextTokens } = leg.call.adapter;
    const size = sizeFirstHold({
      estimate: leg.call.estimate,
      ...(price === undefined ? {} : { price }),
      ...(contextTokens === undefined || contextTokens === 0 ? {} : { contextTokens }),
      qos: s.qos,
      ...(content.max_output_tokens === undefined ? {} : { askedOutputTokens: content.max_output_tokens }),
      left,
    });
    const smaller = size.ok && (size.amounts.tokens < leg.held.tokens || size.amounts.usdMicros < leg.held.usdMicros);
    // What running work holds may come back: a short wait is better than an answer that is surely cut.
    const others = refusal.limitSource !== "stream" && refusal.reserved > 0;
    if (size.ok && others && size.maxOutputTokens < leg.call.estimate.outTokens) waits = true;
    if (size.ok && smaller && !waits) {
      leg.held = size.amounts;
      leg.maxOutputTokens = size.maxOutputTokens;
      reserve(s, leg, at, out);
      return;
    }
  }
  s.refusal = waits || s.refillMs !== undefined ? { ...refusal, remedy: "wait" } : refusal;
  if (waits) {
    leg.phase = "waiting";
    if (!s.windowTimer) {
      s.windowTimer = true;
      out.push({ key: s.key, t: "timer.set", timer: "window", at: at + s.opening.maxWindowWaitMs });
    }
    return;
  }
  skipped(
    leg,
    { kind: "budget", message: `its hold does not fit the ${refusal.limitSource}'s ${refusal.dimension}`, sent: false },
    at,
  );
  advance(s, at, out);
}

/**
 * Calls do not fit together: as many of the first as do are held for together, and each of the others by itself. Those are made smaller,
 * wait for running work, or are left out: fewer voices before none.
 */
export function groupRefused(s: StreamState, of: readonly number[], left: Limits, at: Ms, out: Out): void {
  const legs = s.legs.filter(({ index, phase }) => of.includes(index) && phase === "holding");
  const most = fitting(legs, left);
  const together = most === -1 ? legs.length - 1 : most;
  if (together > 1) reserveAll(s, legs.slice(0, together), at, out);
  for (const leg of legs.slice(together > 1 ? together : 0)) reserve(s, leg, at, out);
}

/** Something may fit that did not: ask the waiting holds again, in order, and extensions that were refused. */
export function retryWaiting(s: StreamState, at: Ms, out: Out): void {
  for (const leg of s.legs) {
    if (leg.phase === "running" && leg.extension === "refused") {
      leg.extension = "none";
      cover(s, leg, at, out);
    }
    if (leg.phase !== "waiting") continue;
    leg.holdAttempts = 0;
    leg.held = leg.call.hold;
    leg.maxOutputTokens = leg.call.maxOutputTokens;
    reserve(s, leg, at, out);
  }
}

/** The stream waited long enough for a window: what still waits is given up. */
export function windowPatienceOver(s: StreamState, at: Ms, out: Out): void {
  s.windowTimer = false;
  for (const leg of s.legs) {
    if (leg.phase === "waiting")
      skipped(leg, { kind: "budget", message: "no window was free in time", sent: false }, at);
  }
  advance(s, at, out);
}
