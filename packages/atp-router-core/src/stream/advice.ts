import type { Verdict } from "../consensus/index.js";
import type { Advice } from "../learning/index.js";
import type { Plan } from "../model/index.js";
import type { StreamEffect } from "./events.js";
import type { StreamState } from "./state.js";

/** Who gave which answer: adapters by group, the verdict's own first, and those that answered nothing. */
export interface Heard {
  readonly groups: readonly (readonly string[])[];
  readonly silent: readonly string[];
}

/** What was heard so far. An empty answer is silence: two of them never agree. */
export function heard(s: StreamState, verdict: Verdict | null): Heard {
  const silent = [...new Set(s.answers.filter(({ text }) => text.trim() === "").map(({ adapter }) => adapter))];
  if (verdict === null) return { groups: [], silent };
  // An adapter whose clones disagree is counted once, with the group that leads.
  const taken = new Set(silent);
  const groups = [verdict.support, ...verdict.dissent.map(({ adapters }) => adapters)]
    .map((group) => group.filter((name) => !taken.has(name) && taken.add(name)))
    .filter((group) => group.length > 0);
  return { groups, silent };
}

/** Asks what is worth doing next. The answer comes in the same turn. */
export function askAdvice(s: StreamState, verdict: Verdict | null, out: StreamEffect[]): void {
  const called = new Set(s.legs.map((leg) => leg.call.adapter.name));
  const planned = s.plan?.rungs.flat();
  const offers =
    planned === undefined
      ? s.candidates.flatMap(({ info, estimate }) =>
          estimate === undefined ? [] : [{ adapter: info.name, usdMicros: estimate.usdMicros }],
        )
      : planned.map(({ adapter, estimate }) => ({ adapter: adapter.name, usdMicros: estimate.usdMicros }));
  out.push({
    key: s.key,
    t: "advice.ask",
    task: s.opening.task.taskType,
    qos: s.qos,
    ...heard(s, verdict),
    paidUsdMicros: s.legs.reduce((sum, leg) => sum + leg.usdMicros, 0),
    offers: offers.filter(({ adapter }) => !called.has(adapter)),
    dryRun: s.opening.dryRun,
    content: s.opening.task.content,
    answered: s.answers.map(({ adapter, sample }) => ({
      adapter,
      outputTokens: s.legs.find(({ call }) => call.adapter.name === adapter && call.sample === sample)?.outTokens ?? 0,
    })),
  });
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** A plan as it was advised: who is asked first, and what each choice is expected to bring. */
export function advisedPlan(plan: Plan, advice: Advice): Plan {
  const place = new Map(advice.options.map(({ adapter }, i) => [adapter, i]));
  if (advice.ask === undefined) return plan;
  const first = (name: string): number => (name === advice.ask ? -1 : (place.get(name) ?? place.size));
  const calls = plan.rungs.flat().sort((a, b) => first(a.adapter.name) - first(b.adapter.name));
  const estimate = calls[0]?.estimate;
  const options = advice.options.map(({ adapter, usdMicros, gain, net }) => ({ adapter, usdMicros, gain, net }));
  const why = options
    .slice(0, 3)
    .map(
      ({ adapter, gain, usdMicros, net }) =>
        `${adapter} is expected to add ${percent(gain)} to a right answer for ${Math.round(usdMicros)} micro-dollars: ${net > 0 ? "worth it" : "not worth it"}.`,
    );
  const reason =
    advice.why ??
    (advice.by === "explore"
      ? `Asks everybody, ${advice.ask} first, to learn who agrees with whom.`
      : `Asks ${advice.ask} first, and after each answer whoever is still worth a price.`);
  return {
    ...plan,
    rungs: calls.map((call) => [call]),
    stop: { byValue: true, eager: false },
    ...(estimate === undefined
      ? {}
      : { expected: { tokens: estimate.inTokens + estimate.outTokens, usdMicros: estimate.usdMicros } }),
    why: [reason, ...why],
    ...(options.length === 0 ? {} : { options }),
  };
}

/** Puts the adapter that was advised next, before the rungs that were not started. False when it is not among them. */
export function moveNext(s: StreamState, adapter: string): boolean {
  const { plan } = s;
  if (plan === undefined) return false;
  const started = plan.rungs.slice(0, s.rung + 1);
  const left = plan.rungs.slice(s.rung + 1);
  const at = left.findIndex(([call]) => call?.adapter.name === adapter);
  const next = left[at];
  if (next === undefined) return false;
  s.plan = { ...plan, rungs: [...started, next, ...left.filter((_, i) => i !== at)] };
  return true;
}
