import { decideNext, surely } from "../learning/index.js";
import type { Advice, Aim, AnswerPolicy, Offer, PromptFeatures } from "../learning/index.js";

/** Whether a policy was fitted for a task type. */
export function knowsTask(policy: AnswerPolicy, task: string): boolean {
  return Object.hasOwn(policy.tasks, task);
}

/** What a policy's decision is made from. */
export interface PolicyQuestion {
  readonly task: string;
  readonly prompt: PromptFeatures;
  readonly aim: Aim;
  readonly draw: number;
  /** Adapters by answer. */
  readonly groups: readonly (readonly string[])[];
  readonly silent: readonly string[];
  readonly answered: readonly { readonly adapter: string; readonly outputTokens: number }[];
  readonly offers: readonly Offer[];
}

/**
 * What a fitted policy advises. Prices are those that it was fitted with, so that the router decides as the bench that fitted it;
 * quotes only say who can be asked. Undefined when it knows nobody who could be asked: then the learner decides.
 */
export function policyAdvice(policy: AnswerPolicy, question: PolicyQuestion): Advice | undefined {
  const { task, prompt, aim, draw, groups, silent, answered, offers } = question;
  const groupOf = (adapter: string): number => groups.findIndex((group) => group.includes(adapter));
  const once = new Map(answered.map((answer) => [answer.adapter, answer]));
  const seen = [...once.values()].map(({ adapter, outputTokens }) => {
    const group = silent.includes(adapter) ? -1 : groupOf(adapter);
    return { adapter, outputTokens, answerKey: group < 0 ? null : String(group) };
  });
  const known = policy.tasks[task]?.adapters ?? [];
  const candidates = offers.filter(({ adapter }) => known.includes(adapter)).map(({ adapter }) => ({ name: adapter }));
  const decision = decideNext(policy, { task, prompt, seen, candidates, aim, draw });
  // Under a budget one draw mixes two rules for the whole question: no chance of a single decision can be told.
  const chance = (ask: string | undefined): Pick<Advice, "propensity" | "chances"> =>
    "budgetUsdMicros" in aim ? { propensity: () => Number.NaN, chances: () => ({}) } : surely(ask);
  const { groups: likely } = decision.posterior;
  const right = groups.map((_, k) => likely.find(({ answerKey }) => answerKey === String(k))?.probability ?? 0);
  const told = {
    leading: likely[0] === undefined ? -1 : Number(likely[0].answerKey),
    confidence: likely[0]?.probability ?? 0,
    right,
    by: "policy",
    why: decision.why,
  } as const;
  if (decision.do === "answer") return seen.length === 0 ? undefined : { ...told, ...chance(undefined), options: [] };
  const offer = offers.find(({ adapter }) => adapter === decision.adapter);
  const net = decision.expectedGain;
  if (offer === undefined || net === null)
    return { ...told, ...chance(decision.adapter), ask: decision.adapter, options: [] };
  const price = "priceOfErrorUsdMicros" in aim ? offer.usdMicros / Math.max(1, aim.priceOfErrorUsdMicros) : 0;
  return {
    ...told,
    ...chance(decision.adapter),
    ask: decision.adapter,
    options: [{ ...offer, gain: net + price, net }],
  };
}
