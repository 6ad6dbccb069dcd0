import type { ErrorCode, FinalContent } from "atp-protocol";
import { errorClasses } from "atp-protocol";
import type { Verdict } from "../consensus/index.js";
import { drawOf, promptOf } from "../learning/index.js";
import type { Ms } from "../model/index.js";
import type { StreamArtifact, StreamEffect } from "./events.js";
import { heard } from "./advice.js";
import { abandon } from "./settlement.js";
import type { StreamState } from "./state.js";
import { telemetry } from "./telemetry.js";

type Out = StreamEffect[];

/** Why a stream ends without an answer. */
export interface StreamFailure {
  readonly code: ErrorCode;
  /** What was wrong and what to do. */
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterMs?: number;
}

/** Ends the stream with an error: running calls are cancelled and settled first. */
export function fail(s: StreamState, failure: StreamFailure, at: Ms, out: Out): void {
  if (s.phase === "ended") return;
  const started = s.legs.some((leg) => leg.startedAt !== undefined && (leg.failure?.sent ?? true));
  close(s, failure.code, at, out);
  out.push({
    key: s.key,
    t: "stream.closed",
    by: "error",
    error: {
      code: failure.code,
      message: failure.message,
      retry: errorClasses[failure.code].retry,
      ...(failure.retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(failure.retryAfterMs) }),
      processed: started ? "yes" : "no",
      ...(failure.details === undefined ? {} : { details: failure.details }),
    },
    telemetry: telemetry(s, at, undefined),
    record: record(s, failure.code, undefined),
  });
}

/** Ends the weighing: losers are cancelled and settled, and the FINAL goes out. Memory is written after it and holds nobody up. */
export function conclude(s: StreamState, verdict: Verdict, stoppedBy: string, at: Ms, out: Out): void {
  for (const leg of s.legs) abandon(s, leg, `the answer is decided: ${stoppedBy}`, undefined, at, out);
  const content = finalContent(s, verdict, stoppedBy);
  close(s, "final", at, out);
  const bill = telemetry(s, at, verdict.agreement);
  const artifact = artifactOf(s, { ...content, telemetry: bill }, verdict, stoppedBy);
  out.push({
    key: s.key,
    t: "stream.closed",
    by: "final",
    content,
    confidence: verdict.confidence,
    telemetry: bill,
    record: record(s, "final", verdict),
    heard: heard(s, verdict),
    told: toldBy(s),
    ...(s.policy?.requireTags === undefined && s.policy?.forbid === undefined ? {} : { restricted: true }),
    ...(artifact === undefined ? {} : { artifact }),
  });
}

/** What goes into shared memory, with where it came from; undefined when nobody asked for it or the data's scope forbids it. */
function artifactOf(
  s: StreamState,
  content: Readonly<Record<string, unknown>>,
  verdict: Verdict,
  stoppedBy: string,
): StreamArtifact | undefined {
  const { memory } = s.opening.task;
  if (memory === undefined || memory.write.length === 0 || s.policy?.forbid?.includes("memory") === true)
    return undefined;
  const strategy = s.plan?.strategy ?? "single";
  return {
    namespace: memory.namespace,
    keys: memory.write,
    object: { ...content, provenance: { strategy, adapters: verdict.support, stopped_by: stoppedBy, stream: s.key } },
  };
}

function close(s: StreamState, reason: string, at: Ms, out: Out): void {
  for (const leg of s.legs) abandon(s, leg, `the stream ended: ${reason}`, undefined, at, out);
  out.push({ key: s.key, t: "timer.clear", timer: "deadline" });
  if (s.windowTimer) out.push({ key: s.key, t: "timer.clear", timer: "window" });
  if (s.hedgeTimer) out.push({ key: s.key, t: "timer.clear", timer: "hedge" });
  if (s.retry !== undefined) out.push({ key: s.key, t: "timer.clear", timer: "retry" });
  s.windowTimer = false;
  s.hedgeTimer = false;
  s.retry = undefined;
  s.phase = "ended";
}

/** The content of the FINAL: complete by itself (A4.3). */
export function finalContent(s: StreamState, verdict: Verdict, stoppedBy: string): FinalContent {
  return {
    ok: true,
    answer: verdict.answer,
    adapter: verdict.winner.adapter,
    ...verdict.winner.extra,
    consensus: {
      strategy: s.plan?.strategy ?? "single",
      agreement: verdict.agreement,
      support: verdict.support,
      dissent: verdict.dissent,
      evidence: verdict.evidence,
      revised: s.told !== undefined && s.told !== verdict.answer,
      stopped_by: stoppedBy,
      weights: verdict.weights,
      similarity: verdict.similarity,
    },
  };
}

/** The confidence of each adapter's first answer, in its own words. */
function toldBy(s: StreamState): Readonly<Record<string, number>> {
  const told: Record<string, number> = {};
  for (const { call, confidence, outcome } of s.legs)
    if (outcome === "ok" && confidence !== undefined) told[call.adapter.name] ??= confidence;
  return told;
}

/** Tells two prompts apart without telling either; no secret, so a short prompt can be guessed from it. */
function fingerprint(prompt: string): string {
  return Math.floor(drawOf(prompt) * 2 ** 32).toString(16);
}

/** What can be learned from this run: no prompt and no answer in it. */
function record(s: StreamState, outcome: string, verdict: Verdict | undefined): Readonly<Record<string, unknown>> {
  return {
    outcome,
    task_type: s.opening.task.taskType,
    ...(s.opening.learns === undefined
      ? {}
      : {
          prompt_hash: fingerprint(s.opening.task.promptJson),
          features: promptOf(s.opening.task.content),
          answered: verdict === undefined ? null : heard(s, verdict),
        }),
    qos: s.qos,
    strategy: s.plan?.strategy ?? s.opening.task.strategy,
    policy:
      s.policy === undefined ? null : { engine: s.policy.engine, allow: s.policy.allow, reasons: s.policy.reasons },
    candidates: s.candidates.map((c) => ({
      adapter: c.info.name,
      status: c.status,
      estimate: c.estimate ?? null,
      failure: c.failure?.kind ?? null,
    })),
    ...(s.advised.length === 0 ? {} : { decisions: s.advised }),
    rungs: s.plan?.rungs.map((rung) => rung.map((call) => call.adapter.name)) ?? [],
    legs: s.legs.map((leg) => ({
      adapter: leg.call.adapter.name,
      outcome: leg.outcome ?? null,
      tokens: leg.inTokens + leg.outTokens,
      usd: leg.usdMicros,
      confidence: leg.confidence ?? null,
    })),
    ...(verdict === undefined
      ? {}
      : { agreement: verdict.agreement, support: verdict.support, weights: verdict.weights }),
  };
}
