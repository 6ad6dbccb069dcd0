import { calibrated } from "../learning/index.js";
import type { Advice } from "../learning/index.js";
import type { Failure, Ms } from "../model/index.js";
import {
  advance,
  advisedNext,
  groupRefused,
  holdRefused,
  retryDecided,
  retryDue,
  retryWaiting,
  windowPatienceOver,
} from "./advance.js";
import type { StreamEffect, StreamEvent } from "./events.js";
import { fail } from "./finish.js";
import { askHedge, awaitFirst, hedge, settleHedge } from "./hedge.js";
import { chunked, enqueue, pause, snapshot, start, unpause, voidSlot } from "./legs.js";
import { abandon, extended, failed, finished, notExtended, skipped } from "./settlement.js";
import { advisedFirst, askPolicy, decided, estimated, memoryRead, moneyLeft } from "./opening.js";
import { newStream } from "./state.js";
import type { Leg, StreamState } from "./state.js";
import { movesWindow, tellLeft } from "./window-left.js";

type Out = StreamEffect[];

/** A stream's first step. */
export function openStream(event: Extract<StreamEvent, { t: "stream.opened" }>, out: Out): StreamState {
  const s = newStream(event.key, event.at, event.opening, event.candidates);
  askPolicy(s, out);
  return s;
}

/**
 * The life of one stream: advances its state by one event and appends what it asks for. Total and deterministic; events
 * that come too late are ignored.
 */
export function stepStream(s: StreamState, event: StreamEvent, out: Out): void {
  if (s.phase === "ended") return;
  stepOn(s, event, out);
  if (movesWindow(event)) tellLeft(s, event.at, out);
}

function stepOn(s: StreamState, event: StreamEvent, out: Out): void {
  const { at } = event;
  switch (event.t) {
    case "stream.opened":
      return;
    case "policy.decided":
      if (s.phase === "policy") decided(s, event.decision, event.redacted, at, out);
      return;
    case "policy.failed":
      if (s.phase !== "policy") return;
      fail(
        s,
        {
          code: "EPOLICY",
          message: "Policy could not be asked, so the request is denied. Try again later.",
          details: { reasons: ["policy is unavailable"] },
        },
        at,
        out,
      );
      return;
    case "memory.read":
      memoryRead(s, event.values, event.problem, at, out);
      return;
    case "money.left":
      moneyLeft(s, event.left, event.from, at, out);
      return;
    case "adapter.estimated":
      estimated(s, event.adapter, event.result, event.quoted, at, out);
      return;
    case "client.cancelled":
      fail(
        s,
        { code: "ECANCELLED", message: `Cancelled by the client${event.reason === "" ? "" : `: ${event.reason}`}.` },
        at,
        out,
      );
      return;
    case "client.detached":
      if (s.opening.task.onDisconnect === "cancel")
        fail(s, { code: "ECANCELLED", message: "The client's connection was lost." }, at, out);
      else unpause(s, undefined, out);
      return;
    case "client.gap":
      snapshot(s, out);
      return;
    case "client.window":
      s.window = event.limits;
      out.push({ key: s.key, t: "money.limit", window: s.window });
      return;
    case "money.room":
      retryWaiting(s, at, out);
      return;
    case "advice.given":
      advised(s, event.advice, at, out);
      return;
    case "outbox.full":
      pause(s, event.of);
      return;
    case "outbox.room":
      unpause(s, event.of, out);
      return;
    case "timer.fired":
      if (event.timer === "window") windowPatienceOver(s, at, out);
      else if (event.timer === "hedge") askHedge(s, out);
      else if (event.timer === "retry") retryDue(s, at, out);
      else if (event.timer === "left") return;
      else deadlinePassed(s, at, out);
      return;
    case "group.refused":
      groupRefused(s, event.legs, event.left, at, out);
      return;
    case "retry.decided":
      retryDecided(s, event.waitMs, at, out);
      return;
    case "drain.over":
      fail(s, { code: "EDRAINING", message: "The router shuts down. Ask again elsewhere." }, at, out);
      return;
    case "defect":
      fail(
        s,
        {
          code: "EINTERNAL",
          message: `The router failed on this stream. Quote ${event.id} when you report it.`,
          details: { id: event.id },
        },
        at,
        out,
      );
      return;
    default:
      stepLeg(s, event, at, out);
  }
}

type LegEvent = Extract<StreamEvent, { leg: number }>;

function stepLeg(s: StreamState, event: LegEvent, at: Ms, out: Out): void {
  const leg = s.legs[event.leg];
  if (leg === undefined || leg.phase === "ended") return;
  switch (event.t) {
    case "leg.chunk":
      if (leg.chunks === 0) settleHedge(s, leg, at, out);
      if (chunked(s, leg, event.chunk, at, out) === "over") cutAtHold(s, leg, at, out);
      return;
    case "leg.ended":
      if ("final" in event.end) {
        if (leg.chunks === 0) settleHedge(s, leg, at, out);
        finished(s, leg, event.end.final, at, out);
        answer(s, leg, event.end.final);
      } else {
        failed(s, leg, event.end.failure, at, out);
      }
      advance(s, at, out);
      voidBroken(s, leg, out);
      return;
    case "hold.granted":
      if (leg.phase === "holding") enqueue(s, leg, at, out);
      return;
    case "hold.refused":
      if (leg.phase === "holding") holdRefused(s, leg, event, at, out);
      return;
    case "hold.extended":
      if (extended(s, leg, event.more, at, out) === "over") cutAtHold(s, leg, at, out);
      return;
    case "hold.notExtended":
      if (notExtended(s, leg, event.left, at, out) === "over") cutAtHold(s, leg, at, out);
      return;
    case "hold.unavailable":
      s.ledgerDown = true;
      cut(
        s,
        leg,
        { kind: "internal", message: "the budget store cannot be reached", sent: leg.phase === "running" },
        at,
        out,
      );
      return;
    case "lane.granted":
      if (leg.phase !== "queued") return;
      start(s, leg, event.waitedMs, at, out);
      if (event.hedgeAfterMs !== undefined) awaitFirst(s, leg, at + event.hedgeAfterMs, out);
      return;
    case "hedge.allowed":
      hedge(s, leg, event.adapter, at, out);
      return;
    case "leg.preempted":
      if (leg.phase === "running") preempted(s, leg, event.retryAfterMs, at, out);
      return;
    case "lane.shed":
      // A second call that finds no room is none.
      if (leg.hedges === undefined) s.shed = { reason: event.reason, retryAfterMs: event.retryAfterMs };
      out.push({ key: s.key, t: "hold.void", hold: leg.hold });
      skipped(
        leg,
        {
          kind: "exhausted",
          message: `shed: ${event.reason}`,
          sent: false,
          retryAfterMs: event.retryAfterMs,
          shed: true,
        },
        at,
      );
      advance(s, at, out);
      return;
  }
}

/** Advice on a plan, or on what to do after an answer. */
function advised(s: StreamState, advice: Advice, at: Ms, out: Out): void {
  s.advised.push({
    ask: advice.ask ?? null,
    by: advice.by,
    confidence: advice.confidence,
    propensity: advice.propensity(),
    chances: advice.chances(),
    options: advice.options,
  });
  if (s.phase === "asking") advisedFirst(s, advice, at, out);
  else advisedNext(s, advice, at, out);
}

function cutAtHold(s: StreamState, leg: Leg, at: Ms, out: Out): void {
  cut(s, leg, { kind: "budget", message: "cut at its hold: the window has no more room", sent: true }, at, out);
}

function cut(s: StreamState, leg: Leg, failure: Failure, at: Ms, out: Out): void {
  abandon(s, leg, failure.message, failure, at, out);
  advance(s, at, out);
  voidBroken(s, leg, out);
}

/** The stream goes on without what this call had told: its reader is to know. */
function voidBroken(s: StreamState, leg: Leg, out: Out): void {
  if (leg.failure !== undefined && s.phase === "running" && s.retry === undefined) voidSlot(s, leg, out);
}

/** A bronze call was cut for gold: what it used is settled. A stream that has nothing else ends with it. */
function preempted(s: StreamState, leg: Leg, retryAfterMs: Ms, at: Ms, out: Out): void {
  const failure: Failure = { kind: "exhausted", message: "cut to make room for gold", sent: true, retryAfterMs };
  abandon(s, leg, failure.message, failure, at, out);
  if (s.answers.length > 0 || s.legs.some(({ phase }) => phase !== "ended")) {
    advance(s, at, out);
    voidBroken(s, leg, out);
    return;
  }
  fail(
    s,
    {
      code: "EPREEMPT",
      message: "The call was cut to make room for gold. What it used is billed. Ask again later, or in a better lane.",
      retryAfterMs,
    },
    at,
    out,
  );
}

function answer(
  s: StreamState,
  leg: Leg,
  final: Extract<Extract<StreamEvent, { t: "leg.ended" }>["end"], { final: unknown }>["final"],
): void {
  const { name } = leg.call.adapter;
  const calibrator = s.opening.weighing?.calibrators[name];
  const told = leg.confidence;
  // One that is out of range says nothing, and is left to the weighing to refuse.
  const usable = calibrator !== undefined && told !== undefined && told >= 0 && told <= 1;
  s.answers.push({
    adapter: name,
    sample: leg.call.sample,
    // An adapter that went on with an answer says only the rest of it.
    text: final.answer === undefined ? leg.text : leg.text.slice(0, leg.begun) + final.answer,
    evidence: final.evidence,
    ...(told === undefined ? {} : { confidence: usable ? calibrated(calibrator, told) : told }),
    ...(final.extra === undefined ? {} : { extra: final.extra }),
  });
}

function deadlinePassed(s: StreamState, at: Ms, out: Out): void {
  fail(
    s,
    { code: "ETIMEOUT", message: "The deadline passed before an answer. Give a later deadline_ms, or a cheaper task." },
    at,
    out,
  );
}
