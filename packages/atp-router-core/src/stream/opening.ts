import { payloadTypes } from "atp-protocol";
import type { Advice } from "../learning/index.js";
import { lowest, policyInput, toWindow } from "../model/index.js";
import type { Candidate, Dimension, Estimate, Failure, Limits, Ms, Plan, PolicyDecision } from "../model/index.js";
import { planRoute } from "../routing/index.js";
import { startRung } from "./advance.js";
import { advisedPlan, askAdvice } from "./advice.js";
import { fail } from "./finish.js";
import type { LimitSources, RedactedPrompt, StreamEffect } from "./events.js";
import type { StreamState } from "./state.js";

type Out = StreamEffect[];

/** The stream's first step: its deadline, and what policy says. */
export function askPolicy(s: StreamState, out: Out): void {
  const { task, principal } = s.opening;
  out.push({ key: s.key, t: "timer.set", timer: "deadline", at: s.opening.deadlineAt });
  const adapters = s.candidates.map(({ info }) => ({
    name: info.name,
    tags: info.tags,
    ...(info.model === undefined ? {} : { model: info.model }),
  }));
  out.push({ key: s.key, t: "policy.ask", input: policyInput(principal, task, s.qos, toWindow(s.window), adapters) });
}

const lanes = ["gold", "silver", "bronze"] as const;

/** Policy answered: a denial ends the stream, else estimates, memory and what is left of the windows are asked at once. */
export function decided(
  s: StreamState,
  decision: PolicyDecision,
  redacted: RedactedPrompt | undefined,
  at: Ms,
  out: Out,
): void {
  s.policy = decision;
  if (!decision.allow) {
    const reasons = decision.reasons.length > 0 ? decision.reasons : ["denied by policy"];
    fail(
      s,
      {
        code: "EPOLICY",
        message: `Policy denied the request: ${reasons.join("; ")}. Ask for less, or ask whoever keeps the policy.`,
        details: { reasons },
      },
      at,
      out,
    );
    return;
  }
  if (decision.lane !== undefined && lanes.indexOf(decision.lane) > lanes.indexOf(s.qos)) s.qos = decision.lane;
  if (decision.window !== undefined) s.window = lowest(s.window, decision.window);
  if (redacted !== undefined) {
    const { content, promptJson, found } = redacted;
    s.opening = { ...s.opening, task: { ...s.opening.task, content, promptJson } };
    s.redacted = found;
  }
  if (!s.opening.dryRun) out.push({ key: s.key, t: "accept", qos: s.qos, window: toWindow(s.window) });
  s.phase = "asking";
  askEverything(s, out);
  if (s.missing.estimates === 0) plan(s, at, out);
}

function askEverything(s: StreamState, out: Out): void {
  const { task } = s.opening;
  const open = s.candidates.filter((c) => c.shutMs === undefined);
  const usable = open.filter((c) => c.status !== "DOWN" && c.status !== "DRAINING" && c.status !== "PAUSE");
  // With every adapter out, ask all the same: one of them may just have come back.
  const asked = usable.length > 0 ? usable : open;
  s.missing = { estimates: asked.length, memory: false, left: true };
  for (const { info } of asked) {
    out.push({ key: s.key, t: "adapter.estimate", adapter: info.id, task, deadlineAt: s.opening.deadlineAt });
  }
  out.push({ key: s.key, t: "money.read", scopes: s.opening.scopes, window: s.window });
  if (task.memory !== undefined && s.policy?.forbid?.includes("memory") === true) {
    s.memoryNote = { skipped: "the data's scope forbids shared memory" };
  } else if (task.memory !== undefined && task.memory.read.length > 0 && !s.opening.dryRun) {
    s.missing.memory = true;
    out.push({ key: s.key, t: "memory.read", namespace: task.memory.namespace, keys: task.memory.read });
  }
}

/** An adapter's quote, or why there is none. */
export function estimated(
  s: StreamState,
  adapter: string,
  result: { estimate: Estimate } | { failure: Failure },
  quoted: Estimate | undefined,
  at: Ms,
  out: Out,
): void {
  const index = s.candidates.findIndex((c) => c.info.id === adapter);
  const candidate = s.candidates[index];
  if (candidate === undefined || s.phase !== "asking") return;
  s.candidates[index] = { ...candidate, ...result, ...(quoted === undefined ? {} : { quoted }) };
  s.missing.estimates--;
  planIfReady(s, at, out);
}

/** Shared memory answered, or could not in time: the stream goes on either way and says so. */
export function memoryRead(
  s: StreamState,
  values: Readonly<Record<string, unknown>>,
  problem: string | undefined,
  at: Ms,
  out: Out,
): void {
  if (s.phase !== "asking" || !s.missing.memory) return;
  s.missing.memory = false;
  if (Object.keys(values).length > 0) s.contextJson = JSON.stringify(values);
  s.memoryNote = { read: Object.keys(values), ...(problem === undefined ? {} : { skipped: problem }) };
  planIfReady(s, at, out);
}

/** What is left of the outer windows. */
export function moneyLeft(s: StreamState, left: Limits, from: LimitSources, at: Ms, out: Out): void {
  if (s.phase !== "asking" || !s.missing.left) return;
  s.missing.left = false;
  s.left = left;
  s.leftFrom = from;
  planIfReady(s, at, out);
}

function planIfReady(s: StreamState, at: Ms, out: Out): void {
  if (s.missing.estimates > 0 || s.missing.memory || s.missing.left) return;
  const byValue = s.opening.learns === true && s.opening.task.strategy === "auto" && s.policy?.quorum === undefined;
  if (byValue && s.candidates.some(({ estimate }) => estimate !== undefined)) askAdvice(s, null, out);
  else plan(s, at, out);
}

/** What was advised on a stream that has no plan yet. */
export function advisedFirst(s: StreamState, advice: Advice, at: Ms, out: Out): void {
  plan(s, at, out, advice);
}

function plan(s: StreamState, at: Ms, out: Out, advice?: Advice): void {
  const { task, route } = s.opening;
  const result = planRoute({
    task,
    qos: s.qos,
    strategy: task.strategy,
    ...(route === undefined ? {} : { route }),
    candidates: s.candidates,
    left: lowest(s.left, s.window),
    ...(s.policy?.requireTags === undefined ? {} : { requireTags: s.policy.requireTags }),
    ...(s.policy?.quorum === undefined ? {} : { quorum: s.policy.quorum }),
  });
  if (!result.ok) {
    const bound = result.bound === undefined ? undefined : boundBy(s, result.bound);
    const details = { ...bound?.details, ...result.details };
    const { refillsAt } = bound ?? {};
    const shut = s.candidates.flatMap(({ shutMs }) => (shutMs === undefined ? [] : [shutMs]));
    const wait = result.code === "EAGENTDOWN" && shut.length > 0 ? { retryAfterMs: Math.min(...shut) } : {};
    if (refillsAt === undefined) fail(s, { code: result.code, message: result.message, details, ...wait }, at, out);
    else {
      const message = `${result.message} It refills: ask again after retry_after_ms.`;
      const refilled = { ...details, remedy: "wait" };
      fail(s, { code: "EWINDOW", message, details: refilled, retryAfterMs: Math.max(0, refillsAt - at) }, at, out);
    }
    return;
  }
  s.plan = advice === undefined ? result.plan : advisedPlan(result.plan, advice);
  s.phase = "running";
  const content = planContent(s, s.plan);
  if (s.opening.dryRun) {
    out.push({ key: s.key, t: "explained", content });
    return;
  }
  if (s.opening.rich) out.push({ key: s.key, t: "control", payload: { type: payloadTypes.plan, content } });
  startRung(s, at, out);
}

/** Which window refused the plan (A7.7): the one that leaves the least, the stream's own when they are equal. */
function boundBy(
  s: StreamState,
  dimension: Dimension,
): { readonly details: Readonly<Record<string, unknown>>; readonly refillsAt?: Ms } {
  const own = s.window[dimension] ?? Infinity;
  const outer = s.left[dimension] ?? Infinity;
  if (own <= outer) return { details: { limit_source: "stream", limit: own, posted: 0, reserved: 0 } };
  const scope = s.opening.scopes.find(({ key }) => key === s.leftFrom[dimension]);
  const limit = scope?.limits[dimension];
  return {
    details: {
      limit_source: scope?.source ?? "session",
      limit,
      posted: Math.max(0, (limit ?? 0) - outer),
      reserved: 0,
    },
    ...(scope?.refillsAt === undefined || limit === 0 ? {} : { refillsAt: scope.refillsAt }),
  };
}

/** What `control.plan` and `POST /v1/explain` tell: the decision, the quotes, the route and why. */
export function planContent(s: StreamState, plan: Plan): Readonly<Record<string, unknown>> {
  return {
    policy: {
      allow: true,
      reasons: s.policy?.reasons ?? [],
      engine: s.policy?.engine ?? "none",
      ...(s.policy?.decisionId === undefined ? {} : { decision_id: s.policy.decisionId }),
      ...(s.redacted === undefined ? {} : { redacted: s.redacted }),
      ...(s.policy?.forbid === undefined ? {} : { forbid: s.policy.forbid }),
    },
    qos: s.qos,
    window: toWindow(s.window),
    // What is not spent for good of the narrowest window; running calls may hold some of it for now.
    left: toWindow(lowest(s.left, s.window)),
    candidates: s.candidates.map(candidateContent),
    strategy: plan.strategy,
    rungs: plan.rungs.map((rung) =>
      rung.map((call) => ({
        adapter: call.adapter.name,
        sample: call.sample,
        hold: { tokens: call.hold.tokens, usd_micros: call.hold.usdMicros },
        max_output_tokens: call.maxOutputTokens,
      })),
    ),
    stop: {
      ...(plan.stop.minConfidence === undefined ? {} : { min_confidence: plan.stop.minConfidence }),
      ...(plan.stop.minAgreement === undefined ? {} : { min_agreement: plan.stop.minAgreement }),
      ...(plan.stop.quorum === undefined ? {} : { quorum: plan.stop.quorum }),
      ...(plan.stop.byValue === undefined ? {} : { by_value: plan.stop.byValue }),
      eager: plan.stop.eager,
    },
    ...(plan.options === undefined
      ? {}
      : {
          options: plan.options.map(({ adapter, usdMicros, gain, net }) => ({
            adapter,
            usd_micros: Math.round(usdMicros),
            expected_gain: gain,
            net,
          })),
        }),
    expected: { tokens: plan.expected.tokens, usd_micros: plan.expected.usdMicros },
    worst: { tokens: plan.worst.tokens, usd_micros: plan.worst.usdMicros },
    why: plan.why,
    excluded: plan.excluded,
  };
}

function candidateContent(c: Candidate): Readonly<Record<string, unknown>> {
  const e = c.estimate;
  return {
    adapter: c.info.name,
    ...(c.info.model === undefined ? {} : { model: c.info.model }),
    tags: c.info.tags,
    status: c.status,
    ...(e === undefined
      ? {}
      : {
          estimate: {
            in_tokens: e.inTokens,
            out_tokens: e.outTokens,
            usd_micros: e.usdMicros,
            ...(e.p95Tokens === undefined ? {} : { p95_tokens: e.p95Tokens }),
            ...(e.p95UsdMicros === undefined ? {} : { p95_usd_micros: e.p95UsdMicros }),
            confidence: e.confidence,
          },
          // What the adapter said, where its calls have cost something else.
          ...(c.quoted === undefined
            ? {}
            : {
                quoted: {
                  in_tokens: c.quoted.inTokens,
                  out_tokens: c.quoted.outTokens,
                  usd_micros: c.quoted.usdMicros,
                },
              }),
        }),
    ...(c.failure === undefined ? {} : { failure: { kind: c.failure.kind, message: c.failure.message } }),
  };
}
