import type { AdapterTelemetry, Telemetry } from "atp-protocol";
import { toWindow } from "../model/index.js";
import type { Ms } from "../model/index.js";
import type { Leg, StreamState } from "./state.js";

/** The bill of a stream (A11): its totals are the sums of its entries and what the windows were debited. */
export function telemetry(s: StreamState, at: Ms, agreement: number | undefined): Telemetry {
  let inTokens = 0;
  let outTokens = 0;
  let usd = 0;
  const adapters: AdapterTelemetry[] = [];
  for (const leg of s.legs) {
    inTokens += leg.inTokens;
    outTokens += leg.outTokens;
    usd += leg.usdMicros;
    adapters.push(entry(leg));
  }
  for (const { info, failure } of s.candidates) {
    if (failure === undefined) continue;
    adapters.push({
      name: info.name,
      outcome: "skipped",
      attempt: 0,
      in_tokens: 0,
      out_tokens: 0,
      usd: 0,
      error: { code: failure.kind, message: failure.message },
    });
  }
  const tokens = inTokens + outTokens;
  const left = (limit: number | undefined, used: number): number | undefined =>
    limit === undefined ? undefined : Math.max(0, limit - used);
  const leftTokens = left(s.window.tokens, tokens);
  const leftUsd = left(s.window.usdMicros, usd);
  return {
    tokens,
    usd,
    latency_ms: round(at - s.openedAt),
    in_tokens: inTokens,
    out_tokens: outTokens,
    ...(s.firstPartialAt === undefined ? {} : { ttfp_ms: round(s.firstPartialAt - s.openedAt) }),
    queue_ms: round(s.queueMs),
    ...(s.plan === undefined ? {} : { estimate: { tokens: s.plan.expected.tokens, usd: s.plan.expected.usdMicros } }),
    strategy: s.plan?.strategy ?? s.opening.task.strategy,
    escalations: s.escalations,
    ...(agreement === undefined ? {} : { agreement }),
    adapters,
    window_left: toWindow({
      ...(s.window.parallel === undefined ? {} : { parallel: s.window.parallel }),
      ...(leftTokens === undefined ? {} : { tokens: leftTokens }),
      ...(leftUsd === undefined ? {} : { usdMicros: leftUsd }),
    }),
    ...(s.memoryNote === undefined ? {} : { memory: s.memoryNote }),
  };
}

function entry(leg: Leg): AdapterTelemetry {
  const { startedAt, firstAt, endedAt } = leg;
  return {
    name: leg.call.adapter.name,
    outcome: leg.outcome ?? "cancelled",
    attempt: leg.nth,
    in_tokens: leg.inTokens,
    out_tokens: leg.outTokens,
    usd: leg.usdMicros,
    ...(startedAt === undefined || firstAt === undefined ? {} : { ttfp_ms: round(firstAt - startedAt) }),
    ...(startedAt === undefined || endedAt === undefined ? {} : { latency_ms: round(endedAt - startedAt) }),
    ...(leg.confidence === undefined ? {} : { confidence: leg.confidence }),
    ...(leg.failure === undefined ? {} : { error: { code: leg.failure.kind, message: leg.failure.message } }),
  };
}

function round(ms: Ms): number {
  return Math.max(0, Math.round(ms));
}
