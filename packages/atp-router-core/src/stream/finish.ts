import type { ErrorCode, FinalContent } from "atp-protocol";
import { errorClasses } from "atp-protocol";
import type { Verdict } from "../consensus/index.js";
import { drawOf } from "../learning/index.js";
import type { Ms } from "../model/index.js";
import type { StreamEffect } from "./events.js";
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

/** Ends the weighing: losers are cancelled and settled, memory is written, the FINAL goes out. */
export function conclude(s: StreamState, verdict: Verdict, stoppedBy: string, at: Ms, out: Out): void {
  for (const leg of s.legs) abandon(s, leg, `the answer is decided: ${stoppedBy}`, undefined, at, out);
  const content = finalContent(s, verdict, stoppedBy);
  s.end = {
    key: s.key,
    t: "stream.closed",
    by: "final",
    content,
    confidence: verdict.confidence,
    telemetry: telemetry(s, at, verdict.agreement),
    record: record(s, "final", verdict),
    heard: heard(s, verdict),
  };
  const memory = s.opening.task.memory;
  const forbidden = s.policy?.forbid?.includes("memory") === true;
  if (memory === undefined || memory.write.length === 0 || forbidden) {
    sendFinal(s, at, out);
    return;
  }
  s.phase = "writing";
  const { telemetry: bill } = s.end;
  out.push({
    key: s.key,
    t: "memory.write",
    namespace: memory.namespace,
    keys: memory.write,
    object: {
      ...content,
      telemetry: bill,
      provenance: { strategy: bill.strategy, adapters: verdict.support, stopped_by: stoppedBy },
    },
  });
}

/** Memory has the answer, or could not take it in time: either way the FINAL goes out and says which. */
export function memoryWritten(s: StreamState, problem: string | undefined, at: Ms, out: Out): void {
  if (s.phase !== "writing") return;
  const keys = s.opening.task.memory?.write ?? [];
  s.memoryNote = { ...s.memoryNote, ...(problem === undefined ? { written: keys } : { not_written: problem }) };
  sendFinal(s, at, out);
}

function sendFinal(s: StreamState, at: Ms, out: Out): void {
  const end = s.end;
  if (end === undefined) return;
  close(s, "final", at, out);
  out.push({ ...end, telemetry: telemetry(s, at, end.telemetry.agreement) });
}

function close(s: StreamState, reason: string, at: Ms, out: Out): void {
  for (const leg of s.legs) abandon(s, leg, `the stream ended: ${reason}`, undefined, at, out);
  out.push({ key: s.key, t: "timer.clear", timer: "deadline" });
  if (s.windowTimer) out.push({ key: s.key, t: "timer.clear", timer: "window" });
  s.windowTimer = false;
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
    },
  };
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
