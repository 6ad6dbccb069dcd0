import type { ConsensusGroup, Evidence } from "atp-protocol";
import type { Answer } from "../model/index.js";
import { normalise } from "./normalise.js";
import { compared, same } from "./similar.js";
import type { Compared } from "./similar.js";

/** Weight of an answer that tells no confidence. */
const UNKNOWN_CONFIDENCE = 0.5;
/** No answer weighs nothing, and none everything. */
const MIN_WEIGHT = 0.05;
/** Added for an answer that cites what it says. */
const GROUNDED = 0.1;
/** Confidence over which independent agreeing answers cannot raise a verdict. */
const MAX_CONFIDENCE = 0.99;

/** What the answers come to. */
export interface Verdict {
  /** The best answer of the leading group. */
  readonly winner: Answer;
  readonly answer: string;
  /** The leading group's share of the weight, 0 to 1. */
  readonly agreement: number;
  /** Adapters of the leading group. */
  readonly support: readonly string[];
  /** How many answers are in the leading group. */
  readonly votes: number;
  readonly dissent: readonly ConsensusGroup[];
  /** Citations of the leading group, each with the adapter that gave it. */
  readonly evidence: readonly Evidence[];
  /** Each adapter's share of the weight. */
  readonly weights: Readonly<Record<string, number>>;
  /** The chance that the leading group is right, if its members err independently. */
  readonly confidence: number;
}

/** How answers are weighed. */
export interface WeighOptions {
  /** A closed answer set. */
  readonly choices?: readonly string[];
  /** Learned reliability by adapter, 0 to 1; multiplies the answer's own confidence. @default 1 */
  readonly weights?: Readonly<Record<string, number>>;
}

/**
 * Weighs answers: normalises, groups those that say the same (complete link: a member agrees with every other), and sums
 * weights. Cost never enters: it would bias truth.
 */
export function weigh(answers: readonly Answer[], options: WeighOptions): Verdict {
  const first = answers[0];
  if (first === undefined) throw new RangeError("weigh needs at least one answer");
  const groups = cluster(answers.map((answer) => compared(answer, normalise(answer.text, options.choices))));
  const weightOf = (answer: Answer): number => {
    const own = answer.confidence ?? UNKNOWN_CONFIDENCE;
    const learned = options.weights?.[answer.adapter] ?? 1;
    return Math.max(MIN_WEIGHT, own * learned + (answer.evidence.length > 0 ? GROUNDED : 0));
  };
  const total = answers.reduce((sum, answer) => sum + weightOf(answer), 0);
  const ranked = groups
    .map((members) => ({ members, weight: members.reduce((sum, { answer }) => sum + weightOf(answer), 0) }))
    .sort((a, b) => b.weight - a.weight);
  const [leading, ...others] = ranked;
  const members = (leading?.members ?? []).map(({ answer }) => answer);
  const winner = members.reduce(
    (best, answer) => (weightOf(answer) > weightOf(best) ? answer : best),
    members[0] ?? first,
  );
  const weights: Record<string, number> = {};
  for (const answer of answers)
    weights[answer.adapter] = round((weights[answer.adapter] ?? 0) + weightOf(answer) / total);
  return {
    winner,
    answer: winner.text,
    agreement: round((leading?.weight ?? 0) / total),
    support: unique(members),
    votes: members.length,
    dissent: others.map(({ members: dissenting, weight }) => ({
      adapters: unique(dissenting.map(({ answer }) => answer)),
      answer: dissenting[0]?.answer.text ?? "",
      weight: round(weight / total),
    })),
    evidence: evidenceOf(winner, members),
    weights,
    confidence: round(combined(members)),
  };
}

function cluster(answers: readonly Compared[]): Compared[][] {
  const groups: Compared[][] = [];
  for (const answer of answers) {
    const group = groups.find((members) => members.every((member) => same(member, answer)));
    if (group === undefined) groups.push([answer]);
    else group.push(answer);
  }
  return groups;
}

function unique(answers: readonly Answer[]): string[] {
  return [...new Set(answers.map(({ adapter }) => adapter))];
}

/** The winner's citations first; the same passage is told once. */
function evidenceOf(winner: Answer, members: readonly Answer[]): readonly Evidence[] {
  const seen = new Set<string>();
  const evidence: Evidence[] = [];
  for (const answer of [winner, ...members.filter((member) => member !== winner)]) {
    for (const item of answer.evidence) {
      const id = JSON.stringify([item.source, item.locator, item.quote]);
      if (seen.has(id)) continue;
      seen.add(id);
      evidence.push({ ...item, adapter: answer.adapter });
    }
  }
  return evidence;
}

/** One minus the chance that all of them are wrong, by adapter: clones of one adapter err together. */
function combined(members: readonly Answer[]): number {
  const best = new Map<string, number>();
  for (const { adapter, confidence } of members)
    best.set(adapter, Math.max(best.get(adapter) ?? 0, confidence ?? UNKNOWN_CONFIDENCE));
  let wrong = 1;
  let highest = 0;
  for (const confidence of best.values()) {
    wrong *= 1 - confidence;
    highest = Math.max(highest, confidence);
  }
  return Math.max(highest, Math.min(MAX_CONFIDENCE, 1 - wrong));
}

function round(share: number): number {
  return Math.min(1, Math.max(0, Math.round(share * 10_000) / 10_000));
}
