import type { BreakerConfig, Failure, Ms } from "../model/index.js";

/** Shares of the streams that an adapter gets again after its trial, in percent: whole numbers add up exactly. */
const RAMP = [10, 25, 50] as const;
/** Calls answered at a step, or time with one answered, that lead to the next. */
const STEP_CALLS = 5;
const STEP_MS = 2_000;
/** Failed calls at a step that open it again. */
const STEP_FAILURES = 2;
/** A trial that was not made by then goes to another stream. */
const TRIAL_MS = 2_000;

/** How a breaker stands: calls pass, none does, one is on trial, or a growing share passes. */
export type BreakerState = "closed" | "open" | "trial" | "ramp";

/**
 * A circuit breaker of one adapter, by consecutive failures and failure share as outlier detection in service meshes does.
 * After its time it is half open: one call is its trial, and then 10, 25, 50 and 100% of the streams may ask it again.
 */
export interface Breaker {
  inARow: number;
  windowSince: Ms;
  calls: number;
  failures: number;
  /** Undefined while closed and while the share grows. */
  openUntil: Ms | undefined;
  openMs: Ms;
  /** When a stream was last let in for the trial. */
  trialAt: Ms | undefined;
  /** Which step of the ramp; undefined when it is not on it. */
  step: number | undefined;
  /** What is saved up towards the next stream's turn, in percent of it. */
  turns: number;
}

/** A closed breaker. */
export function closedBreaker(at: Ms, openMs: Ms): Breaker {
  return {
    inARow: 0,
    windowSince: at,
    calls: 0,
    failures: 0,
    openUntil: undefined,
    openMs,
    trialAt: undefined,
    step: undefined,
    turns: 0,
  };
}

/** Whether a failure says something of the adapter itself; a refusal, a full house or a cut does not. */
export function tellsOnAdapter({ kind }: Failure): boolean {
  return kind === "unavailable" || kind === "timeout" || kind === "protocol" || kind === "internal";
}

/** How it stands now. */
export function breakerState(b: Breaker, at: Ms): BreakerState {
  if (b.openUntil !== undefined) return at < b.openUntil ? "open" : "trial";
  return b.step === undefined ? "closed" : "ramp";
}

/** The share of the streams that may ask it as if nothing had been. */
export function breakerShare(b: Breaker, at: Ms): number {
  const state = breakerState(b, at);
  return state === "closed" ? 1 : state === "ramp" ? (RAMP[b.step ?? 0] ?? 100) / 100 : 0;
}

/**
 * A stream looks for adapters. `late`: it may ask this one after all others. Takes a turn when it is the stream's.
 */
export function takeTurn(b: Breaker, at: Ms): "yes" | "late" | "no" {
  switch (breakerState(b, at)) {
    case "closed":
      return "yes";
    case "open":
      return "no";
    case "trial":
      if (b.trialAt !== undefined && at - b.trialAt < TRIAL_MS) return "late";
      b.trialAt = at;
      return "yes";
    case "ramp":
      b.turns += RAMP[b.step ?? 0] ?? 100;
      if (b.turns < 100) return "late";
      b.turns -= 100;
      return "yes";
  }
}

/** A call's outcome; one that another, sent much later, was sooner than counts as failed. True when the breaker opens by it. */
export function countCall(b: Breaker, outcome: "ok" | "failed", at: Ms, config: BreakerConfig): boolean {
  switch (breakerState(b, at)) {
    case "open":
      // Of calls that were sent before it opened nothing is learned; one that was let in all the same is a trial.
      if (b.trialAt === undefined || outcome !== "ok") return false;
      b.openUntil = undefined;
      toStep(b, 0, at);
      return false;
    case "trial":
      if (outcome !== "ok") return open(b, at, config);
      b.openUntil = undefined;
      toStep(b, 0, at);
      return false;
    case "ramp":
      return countOnRamp(b, outcome, at, config);
    case "closed":
      return countClosed(b, outcome, at, config);
  }
}

function toStep(b: Breaker, step: number, at: Ms): void {
  if (step >= RAMP.length) Object.assign(b, closedBreaker(at, b.openMs));
  else Object.assign(b, { step, turns: 0, trialAt: undefined, windowSince: at, calls: 0, failures: 0, inARow: 0 });
}

function countOnRamp(b: Breaker, outcome: "ok" | "failed", at: Ms, config: BreakerConfig): boolean {
  b.calls++;
  if (outcome !== "ok") return ++b.failures >= STEP_FAILURES && open(b, at, config);
  if (b.calls - b.failures < STEP_CALLS && at - b.windowSince < STEP_MS) return false;
  toStep(b, (b.step ?? 0) + 1, at);
  // Well again: the next time counts as the first.
  if (b.step === undefined) b.openMs = config.openMs;
  return false;
}

function countClosed(b: Breaker, outcome: "ok" | "failed", at: Ms, config: BreakerConfig): boolean {
  if (at - b.windowSince > config.windowMs) Object.assign(b, { windowSince: at, calls: 0, failures: 0 });
  b.calls++;
  if (outcome === "ok") {
    b.inARow = 0;
    return false;
  }
  b.failures++;
  b.inARow++;
  const tooMany = b.calls >= config.minCalls && b.failures / b.calls >= config.share;
  return (b.inARow >= config.inARow || tooMany) && open(b, at, config);
}

function open(b: Breaker, at: Ms, config: BreakerConfig): true {
  const { openMs } = b;
  Object.assign(b, closedBreaker(at, Math.min(config.maxOpenMs, openMs * 2)), { openUntil: at + openMs });
  return true;
}
