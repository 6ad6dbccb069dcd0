import { decideNext } from "./answer-policy.js";
import type { Aim, AnswerPolicy } from "./answer-policy.js";
import type { DecisionRecord } from "./records.js";

/** Whom to ask next, or `undefined` for an answer now: `give` is the adapter whose answer it is. */
export type TargetPolicy = (
  record: DecisionRecord,
  asked: readonly string[],
  groups: readonly (readonly string[])[],
) => { readonly ask: string } | { readonly give: string | undefined };

/** A figure with its 95% interval. */
export interface Evaluated {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What another policy would have come to. */
export interface Evaluation {
  /** Share of right answers: by inverse propensity alone (self-normalised), and doubly robust. */
  readonly accuracyIps: Evaluated;
  readonly accuracy: Evaluated;
  /** Micro-dollars a question, the same two ways. */
  readonly usdMicrosIps: Evaluated;
  readonly usdMicros: Evaluated;
  /** Records in which the router might have begun as the policy would; of others nothing can be said. */
  readonly records: number;
  readonly all: number;
  /** Records that went as the policy would have gone, and how many equally weighted ones they are worth: (sum of weights)^2 / sum of squares. */
  readonly matched: number;
  readonly effective: number;
  /** Those of them whose answer somebody judged: the accuracy is of these. */
  readonly judged: number;
}

interface Walk {
  /** False: the router could never have begun so. */
  readonly supported: boolean;
  /** One over the chance that the record goes as the policy; 0 when it did not. */
  readonly weight: number;
  readonly usdMicros: number;
  /** 1 right, 0 wrong, undefined when nobody said. */
  readonly right: number | undefined;
}

/** Follows a policy through a record as far as the record goes with it. */
function walk(record: DecisionRecord, policy: TargetPolicy): Walk {
  const asked: string[] = [];
  let weight = 1;
  let usdMicros = 0;
  for (let step = 0; ; step++) {
    const groups = record.groups
      .map((group) => group.filter((name) => asked.includes(name)))
      .filter((group) => group.length > 0);
    const next = policy(record, asked, groups);
    if (!("ask" in next)) return { supported: true, weight, usdMicros, right: rightOf(record, next.give) };
    const call = record.everybody
      ? record.calls.find(({ adapter }) => adapter === next.ask)
      : record.calls[step]?.adapter === next.ask
        ? record.calls[step]
        : undefined;
    const chance =
      record.everybody || record.chances === undefined
        ? call === undefined
          ? 0
          : 1
        : (record.chances[step]?.[next.ask] ?? 0);
    if (step === 0 && !(chance > 0)) return { supported: false, weight: 0, usdMicros: 0, right: undefined };
    if (call === undefined || !(chance > 0)) return { supported: true, weight: 0, usdMicros: 0, right: undefined };
    weight /= chance;
    usdMicros += call.usdMicros;
    asked.push(next.ask);
  }
}

function rightOf({ groups, truth }: DecisionRecord, adapter: string | undefined): number | undefined {
  const group = groups.findIndex((names) => adapter !== undefined && names.includes(adapter));
  if ("none" in truth) return 0;
  if ("right" in truth) return group === truth.right ? 1 : 0;
  return "wrong" in truth && group === truth.wrong ? 0 : undefined;
}

/**
 * What a policy would have come to on questions that were decided by another: inverse propensity weights over the calls that it would have
 * made (a record that went on beyond them still tells what they came to), and the doubly robust estimate of Dudik, Langford and Li (2011):
 * a model, plus the weighted error of the model where the record went the policy's way. The model of the accuracy is the weighted mean, that of the
 * cost the quotes of whom the policy asks first, scaled to what its calls cost.
 *
 * Only records that somebody judged tell of accuracy: when readers judge bad answers oftener than good ones, all of it is too low.
 */
export function evaluate(records: readonly DecisionRecord[], policy: TargetPolicy): Evaluation {
  const walks = records.map((record) => ({ record, ...walk(record, policy) })).filter(({ supported }) => supported);
  const went = walks.filter(({ weight }) => weight > 0);
  const judged = went.filter(({ right }) => right !== undefined);
  // Of records with a verdict alone: those without one say nothing of accuracy, however they went.
  const known = walks.filter(({ record, right }) => right !== undefined || !("unknown" in record.truth));
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const weights = went.map(({ weight }) => weight);
  const costIps = ratio(went.map(({ weight, usdMicros }) => [weight, usdMicros]));
  const quote = (record: DecisionRecord): number => {
    const first = policy(record, [], []);
    return "ask" in first ? (record.offers.find(({ adapter }) => adapter === first.ask)?.usdMicros ?? 0) : 0;
  };
  const quoted = ratio(went.map(({ weight, record }) => [weight, quote(record)])).value;
  const scale = quoted > 0 ? costIps.value / quoted : 0;
  // Of an answer that lost against one that was called wrong nobody knows: it may be either, and the interval holds both.
  const accuracyIf = (fill: number | undefined): readonly [ips: Evaluated, robust: Evaluated] => {
    const filled = known.map(({ weight, right }) => ({ weight, right: right ?? fill }));
    const told = filled.filter(({ weight, right }) => weight > 0 && right !== undefined);
    if (told.length === 0) return [unknown, unknown];
    const ips = ratio(told.map(({ weight, right = 0 }) => [weight, right]));
    const robust = filled.map(
      ({ weight, right }) => ips.value + (right === undefined ? 0 : weight * (right - ips.value)),
    );
    return [ips, mean(robust)];
  };
  const [told, worst, best] = [accuracyIf(undefined), accuracyIf(0), accuracyIf(1)];
  const bounds = (of: 0 | 1): Evaluated =>
    judged.length === 0
      ? unknown
      : {
          value: told[of].value,
          low: Math.min(told[of].low, worst[of].low),
          high: Math.max(told[of].high, best[of].high),
        };
  const cost = walks.map(({ record, weight, usdMicros }) => {
    const model = scale * quote(record);
    return model + weight * (usdMicros - model);
  });
  return {
    accuracyIps: bounds(0),
    accuracy: bounds(1),
    usdMicrosIps: costIps,
    usdMicros: went.length === 0 ? unknown : mean(cost),
    records: walks.length,
    all: records.length,
    matched: went.length,
    effective: went.length === 0 ? 0 : sum(weights) ** 2 / sum(weights.map((weight) => weight ** 2)),
    judged: judged.length,
  };
}

const unknown: Evaluated = { value: Number.NaN, low: Number.NaN, high: Number.NaN };

function around(value: number, variance: number): Evaluated {
  const half = 1.96 * Math.sqrt(variance);
  return { value, low: value - half, high: value + half };
}

function mean(values: readonly number[]): Evaluated {
  const n = values.length;
  const value = values.reduce((a, b) => a + b, 0) / n;
  return around(value, values.reduce((a, b) => a + (b - value) ** 2, 0) / Math.max(1, n - 1) / n);
}

/** A weighted mean, with the variance of a ratio by linearisation. */
function ratio(pairs: readonly (readonly [weight: number, value: number])[]): Evaluated {
  if (pairs.length === 0) return unknown;
  const total = pairs.reduce((sum, [weight]) => sum + weight, 0);
  const value = pairs.reduce((sum, [weight, one]) => sum + weight * one, 0) / total;
  return around(value, pairs.reduce((sum, [weight, one]) => sum + (weight * (one - value)) ** 2, 0) / total ** 2);
}

/** The policies that have a name: `cheapest`, `best` (the adapter that was right most often in these records), and one adapter alone. */
export const askOnly =
  (whom: (record: DecisionRecord) => string | undefined): TargetPolicy =>
  (record, asked) => {
    const [given] = asked;
    const name = whom(record);
    return given !== undefined || name === undefined ? { give: given } : { ask: name };
  };

/** The cheapest by its quote. */
export const cheapest = askOnly(
  ({ offers }) => [...offers].sort((a, b) => a.usdMicros - b.usdMicros || (a.adapter < b.adapter ? -1 : 1))[0]?.adapter,
);

/** A fitted policy, as a router with `learning.policy_file` decides. Lengths of answers are not in records, so it decides without them. */
export function fitted(policy: AnswerPolicy, aim: Aim): TargetPolicy {
  return ({ task, features, offers }, asked, groups) => {
    const seen = asked.map((adapter) => {
      const group = groups.findIndex((names) => names.includes(adapter));
      return { adapter, answerKey: group < 0 ? null : String(group) };
    });
    const candidates = offers.map(({ adapter, usdMicros }) =>
      Object.hasOwn(policy.tasks, task) ? { name: adapter } : { name: adapter, usdMicros },
    );
    const next = decideNext(policy, { task, prompt: features, seen, candidates, aim, draw: 0 });
    return next.do === "ask" ? { ask: next.adapter } : { give: next.winner ?? undefined };
  };
}
