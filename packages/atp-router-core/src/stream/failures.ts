import type { Failure } from "../model/index.js";
import type { StreamFailure } from "./finish.js";
import { brokeOff } from "./recover.js";
import type { Leg, StreamState } from "./state.js";

/** The refusal of a stream none of whose calls answered: the most telling reason first. */
export function failureOf(s: StreamState): StreamFailure {
  const failures = [
    ...s.legs.flatMap((leg) =>
      leg.failure === undefined ? [] : [{ adapter: leg.call.adapter.name, failure: leg.failure }],
    ),
    ...s.candidates.flatMap((c) => (c.failure === undefined ? [] : [{ adapter: c.info.name, failure: c.failure }])),
  ];
  const answered = failures.filter(({ failure }) => failure.kind !== "budget" && failure.shed !== true);
  if (s.ledgerDown) {
    return {
      code: "EOVERLOAD",
      message: "The budget store cannot be reached, so nothing may be spent. Try again later.",
      retryAfterMs: 1_000,
      details: { reason: "ledger_unavailable" },
    };
  }
  if (answered.length === 0 && s.shed !== undefined) return shedFailure(s.shed);
  if (answered.length === 0 && s.refusal !== undefined) return budgetFailure(s);
  const arrived = s.legs.filter(brokeOff);
  const details = {
    ...(arrived.length === 0 ? {} : { arrived: arrived.map(arrivedOf) }),
    adapters: failures.map(({ adapter, failure }) => ({ adapter, kind: failure.kind, message: failure.message })),
  };
  const all = (kind: Failure["kind"]): boolean =>
    answered.length > 0 && answered.every(({ failure }) => failure.kind === kind);
  const names = failures.map(({ adapter, failure }) => `${adapter}: ${failure.message}`).join("; ");
  if (all("timeout"))
    return { code: "ETIMEOUT", message: `No adapter answered in time (${names}). Give a later deadline_ms.`, details };
  if (all("rejected"))
    return { code: "ENOROUTE", message: `Every adapter refused the task (${names}). Change the request.`, details };
  if (s.legs.some((leg) => leg.failure?.kind === "budget" && leg.startedAt !== undefined)) {
    return {
      code: "EBUDGET",
      message: `The calls were cut at their budget (${names}). Raise the window.`,
      details: { ...refusalDetails(s), ...details },
    };
  }
  const retryAfterMs = Math.max(0, ...answered.map(({ failure }) => failure.retryAfterMs ?? 0));
  const broken = arrived.at(-1);
  return {
    code: "EAGENTDOWN",
    message:
      broken === undefined
        ? `No adapter could answer (${names}). Try again later.`
        : `The answer of ${broken.call.adapter.name} broke off after ${broken.text.length} characters, and no other call could take its place (${names}). What arrived is no answer. Try again later.`,
    details,
    ...(retryAfterMs > 0 ? { retryAfterMs } : {}),
  };
}

/** What came of an answer that broke off. */
function arrivedOf({ call, text, chunks, outTokens, attempt }: Leg): Readonly<Record<string, unknown>> {
  return {
    adapter: call.adapter.name,
    attempt,
    chunks,
    characters: text.length,
    out_tokens: outTokens,
  };
}

function shedFailure(shed: { reason: string; retryAfterMs: number }): StreamFailure {
  const details = { reason: shed.reason };
  return shed.reason === "deadline"
    ? {
        code: "ETIMEOUT",
        message: "The deadline cannot be met behind the work that is queued. Give a later deadline_ms.",
        details,
        retryAfterMs: shed.retryAfterMs,
      }
    : {
        code: "EOVERLOAD",
        message: "The router is at its capacity and shed the request. Try again after retry_after_ms.",
        details,
        retryAfterMs: shed.retryAfterMs,
      };
}

const wireDimension = { parallel: "max_parallel", tokens: "max_tokens", usdMicros: "max_usd_micros" } as const;

function refusalDetails(s: StreamState): Readonly<Record<string, unknown>> {
  const r = s.refusal;
  if (r === undefined) return {};
  return {
    limit_source: r.limitSource,
    dimension: wireDimension[r.dimension],
    limit: r.limit,
    posted: r.posted,
    reserved: r.reserved,
    asked: r.asked,
    remedy: r.remedy,
  };
}

function budgetFailure(s: StreamState): StreamFailure {
  const r = s.refusal;
  const details = refusalDetails(s);
  if (r?.remedy === "wait" && s.refillMs !== undefined) {
    return {
      code: "EWINDOW",
      message: `The ${r.limitSource}'s budget is spent for now. Ask again after retry_after_ms, or have it raised.`,
      details,
      retryAfterMs: s.refillMs,
    };
  }
  if (r?.remedy === "wait") {
    return {
      code: "EWINDOW",
      message: `The ${r.limitSource}'s window is in use by running work and did not free in time. Try again later.`,
      details,
      retryAfterMs: 1_000,
    };
  }
  const what = r === undefined ? "The window" : `The ${r.limitSource}'s ${wireDimension[r.dimension]}`;
  return { code: "EBUDGET", message: `${what} is too small for any call. Raise it or ask for less.`, details };
}
