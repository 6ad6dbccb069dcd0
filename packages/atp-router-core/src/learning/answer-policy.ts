import type { PromptFeatures } from "./prompt-features.js";
import { scaleState, stateFeatures, stateSize } from "./state-features.js";
import { dot, neutralVotes, posterior, promptEffect, weightiest } from "./vote-model.js";
import type { Posterior, PromptEffect, SeenAnswer, VoteModel } from "./vote-model.js";

/**
 * Ask in this order. After the k-th answer stop when the likeliest group has at least `thresholds[k - 1]`; after the last one
 * always. An adapter that is not among the candidates is skipped.
 */
export interface CascadeRule {
  readonly kind: "cascade";
  readonly order: readonly string[];
  /** One per adapter of `order` but the last; 0 to 1. */
  readonly thresholds: readonly number[];
}

/**
 * Ask who is worth the most. For each number of adapters already asked and each adapter not asked yet, a linear function of
 * the state gives the value of asking it (backward induction by regression, "fitted Q") in units of a right answer, its price
 * and all that follows taken into account; under 0 nobody is asked. The prompt chooses the first.
 */
export interface ValueRule {
  readonly kind: "value";
  /** `gain[asked][adapter]`: one number per state feature, the constant last; along `TaskPolicy.adapters`. */
  readonly gain: readonly (readonly (readonly number[])[])[];
  /** State features are brought to one scale with these. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  /** The price of an error that it was fitted for, in micro-dollars. */
  readonly priceOfErrorUsdMicros: number;
}

/** How calls are chosen. */
export type Rule = CascadeRule | ValueRule;

/** A rule with what it was measured to cost and to bring, out of fold. */
export interface OperatingPoint {
  readonly usdMicros: number;
  /** Share of right answers, 0 to 1. */
  readonly accuracy: number;
  readonly rule: Rule;
}

/** What was learned of one task. */
export interface TaskPolicy {
  /** The adapters that may be asked, and what one call of each costs on average. */
  readonly adapters: readonly string[];
  readonly usdMicros: readonly number[];
  /** The best adapter alone. */
  readonly champion: string;
  readonly votes: VoteModel;
  /** From cheap to dear, each better than the one before: the concave hull of all rules that were tried. */
  readonly points: readonly OperatingPoint[];
}

/** Everything the router needs to choose calls and to weigh answers: plain data that can be written as JSON. */
export interface AnswerPolicy {
  readonly version: 1;
  readonly tasks: Readonly<Record<string, TaskPolicy>>;
}

/** An adapter that can be asked now. */
export interface AnswerCandidate {
  readonly name: string;
  /** What this call is expected to cost. Absent: what the policy was fitted with. */
  readonly usdMicros?: number;
}

/** How dear or how good: what one right answer more is worth, or what one question may cost on average. Both in micro-dollars. */
export type Aim = { readonly priceOfErrorUsdMicros: number } | { readonly budgetUsdMicros: number };

/** What a decision is made from. */
export interface DecideInput {
  readonly task: string;
  readonly prompt: PromptFeatures;
  /** Answers so far, in the order in which they came; failed calls with a null key. */
  readonly seen: readonly SeenAnswer[];
  /** Who can be asked; those that were asked already are left out here or by the function. */
  readonly candidates: readonly AnswerCandidate[];
  readonly aim: Aim;
  /** 0 to under 1, the same for every decision of one request (`drawOf(requestId)`): mixes two neighbouring points to hit a budget. */
  readonly draw: number;
}

/** What to do next. */
export type Decision =
  | {
      readonly do: "answer";
      /** Null when nobody gave an answer. */
      readonly answerKey: string | null;
      /** The adapter whose answer is given: the weightiest of its group. */
      readonly winner: string | null;
      readonly posterior: Posterior;
      readonly why: string;
    }
  | {
      readonly do: "ask";
      readonly adapter: string;
      /** The probability of a right answer that it is expected to add, where the rule tells it. */
      readonly expectedGain: number | null;
      readonly expectedUsdMicros: number;
      readonly posterior: Posterior;
      readonly why: string;
    };

/** A number in [0, 1) from a request's id, the same in every process (FNV-1a, then a finaliser that spreads close ids). */
export function drawOf(requestId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < requestId.length; i++) hash = Math.imul(hash ^ requestId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * The operating point for an aim. A price of an error picks the point that is worth the most at it; a budget mixes the two points
 * on both sides of it by `draw`, so that the mean cost over many requests is the budget. Undefined without points.
 */
export function operatingPoint(task: TaskPolicy, aim: Aim, draw: number): OperatingPoint | undefined {
  const { points } = task;
  if ("priceOfErrorUsdMicros" in aim) {
    const worth = (p: OperatingPoint): number => p.accuracy * aim.priceOfErrorUsdMicros - p.usdMicros;
    return points.reduce<OperatingPoint | undefined>(
      (best, p) => (best !== undefined && worth(best) >= worth(p) ? best : p),
      undefined,
    );
  }
  const above = points.findIndex(({ usdMicros }) => usdMicros > aim.budgetUsdMicros);
  if (above < 0) return points.at(-1);
  const high = points[above] as OperatingPoint;
  const low = points[above - 1];
  if (low === undefined) return high;
  const share = (aim.budgetUsdMicros - low.usdMicros) / (high.usdMicros - low.usdMicros);
  return draw < share ? high : low;
}

/**
 * The next step of one question: whom to ask, or which answer to give. Pure, and quick enough to be called after every answer.
 * A task that the policy does not know is decided by a cascade from cheap to dear that stops when two agree.
 */
export function decideNext(policy: AnswerPolicy, input: DecideInput): Decision {
  const task = Object.hasOwn(policy.tasks, input.task) ? policy.tasks[input.task] : undefined;
  if (task === undefined) return decideTask(neutralTask(input.candidates, input.seen), input);
  return decideTask(task, input);
}

/** `decideNext` for one task's policy. `effect` saves reading the prompt again. */
export function decideTask(
  task: TaskPolicy,
  input: Omit<DecideInput, "task">,
  effect: PromptEffect = promptEffect(task.votes, input.prompt),
): Decision {
  const after = posterior(task.votes, effect, input.seen);
  const open = input.candidates.filter(({ name }) => !input.seen.some(({ adapter }) => adapter === name));
  const rule = operatingPoint(task, input.aim, input.draw)?.rule;
  const choice =
    open.length === 0 || rule === undefined
      ? undefined
      : rule.kind === "cascade"
        ? nextOfCascade(rule, open, after, input.seen.length)
        : nextOfValue(rule, task, input, open, after, effect);
  if (choice !== undefined) {
    const expectedUsdMicros = choice.candidate.usdMicros ?? usualPrice(task, choice.candidate.name);
    const { gain: expectedGain, why } = choice;
    return { do: "ask", adapter: choice.candidate.name, expectedGain, expectedUsdMicros, posterior: after, why };
  }
  const [leader] = after.groups;
  if (leader === undefined)
    return {
      do: "answer",
      answerKey: null,
      winner: null,
      posterior: after,
      why: "Nobody who could be asked gave an answer.",
    };
  const why = `${leader.adapters.join(", ")} said it: right with a probability of ${leader.probability.toFixed(3)}; one more call is not worth its price.`;
  const winner = weightiest(task.votes, effect, leader) ?? null;
  return { do: "answer", answerKey: leader.answerKey, winner, posterior: after, why };
}

interface Choice {
  readonly candidate: AnswerCandidate;
  readonly gain: number | null;
  readonly why: string;
}

const usualPrice = (task: TaskPolicy, name: string): number => task.usdMicros[task.adapters.indexOf(name)] ?? 0;

function nextOfCascade(
  rule: CascadeRule,
  open: readonly AnswerCandidate[],
  after: Posterior,
  asked: number,
): Choice | undefined {
  const p = after.groups[0]?.probability ?? 0;
  const threshold = asked === 0 ? 1 : (rule.thresholds[asked - 1] ?? 0);
  // Nothing to give is never enough, whatever the threshold.
  if (asked > 0 && after.groups.length > 0 && p >= threshold) return undefined;
  for (const name of rule.order) {
    const candidate = open.find((one) => one.name === name);
    if (candidate === undefined) continue;
    const why =
      asked === 0
        ? `Asks ${name} first.`
        : `Asks ${name}: the best answer so far is right with a probability of ${p.toFixed(3)}, under ${threshold}.`;
    return { candidate, gain: null, why };
  }
  return undefined;
}

function nextOfValue(
  rule: ValueRule,
  task: TaskPolicy,
  { seen }: { readonly seen: readonly SeenAnswer[] },
  open: readonly AnswerCandidate[],
  after: Posterior,
  effect: PromptEffect,
): Choice | undefined {
  const leader = after.groups[0];
  const standing = new Uint8Array(task.adapters.length);
  let asked = 0;
  for (const { adapter, answerKey } of seen) {
    const at = task.adapters.indexOf(adapter);
    if (at < 0) continue;
    if (standing[at] === 0) asked++;
    standing[at] = answerKey === null ? 3 : answerKey === leader?.answerKey ? 1 : 2;
  }
  const withPrompt = task.votes.prompt.length > 0;
  const x = new Float64Array(stateSize(task.adapters.length, withPrompt));
  const [first = 0, second = 0] = after.groups.map(({ probability }) => probability);
  stateFeatures({ first, second, none: after.none, standing }, effect, withPrompt, x);
  for (let i = 0; i < x.length - 1; i++) x[i] = scaleState(x[i] as number, rule.mean[i] ?? 0, rule.deviation[i] ?? 1);
  let best: Choice | undefined;
  for (const candidate of open) {
    const at = task.adapters.indexOf(candidate.name);
    const weights = rule.gain[asked]?.[at];
    if (weights === undefined || weights.length === 0) continue;
    // A price that has changed since the fit counts; the usual price is in the fitted value.
    const dearer = candidate.usdMicros === undefined ? 0 : candidate.usdMicros - (task.usdMicros[at] ?? 0);
    const gain = dot(weights, x) - dearer / rule.priceOfErrorUsdMicros;
    if (best?.gain !== undefined && best.gain !== null && best.gain >= gain) continue;
    const why = `Asks ${candidate.name}: expected to be worth ${gain.toFixed(4)} of a right answer beyond its price.`;
    best = { candidate, gain, why };
  }
  if (leader === undefined) return best ?? cheapest(task, open);
  return (best?.gain ?? 0) > 0 ? best : undefined;
}

/** Someone, when the rule knows none of those who can be asked. */
function cheapest(task: TaskPolicy, open: readonly AnswerCandidate[]): Choice | undefined {
  const price = (one: AnswerCandidate): number => one.usdMicros ?? usualPrice(task, one.name);
  const [candidate] = [...open].sort((a, b) => price(a) - price(b));
  return candidate === undefined
    ? undefined
    : {
        candidate,
        gain: null,
        why: `Asks ${candidate.name}: nothing is known of those who can be asked, and it is the cheapest.`,
      };
}

/** A task nobody configured: from cheap to dear until two agree; every adapter has one equal vote. */
export function neutralTask(candidates: readonly AnswerCandidate[], seen: readonly SeenAnswer[] = []): TaskPolicy {
  const known = new Map(seen.map(({ adapter }) => [adapter, 0]));
  for (const { name, usdMicros } of candidates) known.set(name, usdMicros ?? 0);
  const adapters = [...known.keys()].sort((a, b) => (known.get(a) ?? 0) - (known.get(b) ?? 0) || (a < b ? -1 : 1));
  const thresholds = adapters.slice(1).map(() => NEUTRAL_THRESHOLD);
  return {
    adapters,
    usdMicros: adapters.map((name) => known.get(name) ?? 0),
    champion: adapters.at(-1) ?? "",
    votes: neutralVotes(adapters),
    points: [{ usdMicros: 0, accuracy: 0, rule: { kind: "cascade", order: adapters, thresholds } }],
  };
}

/** In the neutral model one answer has e/(1+e) = 0.73, two that agree 0.88, one against one 0.42, two against one 0.67. */
const NEUTRAL_THRESHOLD = 0.8;
