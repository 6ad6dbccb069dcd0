import type { ConsensusGroup, Evidence } from "atp-protocol";
import type { Answer } from "../model/index.js";
import { normalise } from "./normalise.js";
import { groundingOf } from "./grounding.js";
import type { Sources } from "./grounding.js";
import { compared, same } from "./similar.js";
import type { Compared } from "./similar.js";
import { LEXICAL } from "./similarity.js";
import type { Similarity } from "./similarity.js";

/** Confidence of an answer that tells none. */
const UNKNOWN_CONFIDENCE = 0.5;
/** No answer weighs nothing. */
const MIN_WEIGHT = 0.05;
/** Added for an answer that cites what it says. */
const GROUNDED = 0.1;
/** How far, in shares of the weight, others must be ahead of the champion's own answer to overrule it. */
const CHAMPION_MARGIN = 0.1;
/** Confidence over which independent agreeing answers cannot raise a verdict. */
const MAX_CONFIDENCE = 0.99;

/** What the answers come to. */
export interface Verdict {
  /** The weightiest answer of the leading group. */
  readonly winner: Answer;
  readonly answer: string;
  /** The leading group's share of the weight, 0 to 1; 1 for a single answer. */
  readonly agreement: number;
  /** Adapters of the leading group, the winner's first. */
  readonly support: readonly string[];
  /** How many answers are in the leading group. */
  readonly votes: number;
  /** The most adapters that any group has. */
  readonly mostAdapters: number;
  /** The other groups, weightiest first. */
  readonly dissent: readonly ConsensusGroup[];
  /** Citations of the leading group, the winner's first, each with the adapter that gave it. */
  readonly evidence: readonly Evidence[];
  /** Each adapter's share of the weight. */
  readonly weights: Readonly<Record<string, number>>;
  /** The chance that the leading group is right, if adapters err independently and at most one group is right. */
  readonly confidence: number;
  /** What free texts were compared by. */
  readonly similarity: string;
}

/** How answers are weighed. */
export interface WeighOptions {
  /** A closed answer set. */
  readonly choices?: readonly string[];
  /** Learned reliability by adapter, 0 to 1; multiplies the answer's own confidence. @default 1 */
  readonly weights?: Readonly<Record<string, number>>;
  /** So many adapters must agree: a group of as many leads before a weightier one that is smaller. */
  readonly quorum?: number;
  /**
   * The adapter that is the best alone. A group without it leads only when it is ahead by a tenth of the weight, so that a
   * narrow vote of weaker adapters does not make the answer worse than asking the champion alone.
   */
  readonly champion?: string;
  /** Texts that answers may cite. An answer whose quote is not in its source is out of the vote. */
  readonly sources?: Sources;
  /** Compares free texts. @default lexical */
  readonly similarity?: Similarity;
  /** The group of this adapter leads, whatever the weights: learned elsewhere to be the likeliest. */
  readonly leading?: string;
  /** The learned chance that it is right. */
  readonly confidence?: number;
}

/** What an answer weighs that says nothing, or that its own source contradicts: it stands in the record, and decides nothing. */
const OUT = 0;

interface Weighed {
  readonly answer: Answer;
  readonly weight: number;
  readonly compared: Compared;
}

interface Group {
  readonly members: readonly Weighed[];
  readonly adapters: readonly string[];
  readonly weight: number;
}

/**
 * Weighs answers: normalises, groups those that say the same (complete link: a member agrees with every other), and sums
 * weights. The order in which answers came does not matter. Cost never enters: it would bias truth.
 *
 * @throws RangeError without any answer.
 */
export function weigh(answers: readonly Answer[], options: WeighOptions): Verdict {
  const [only] = answers;
  const similarity = options.similarity?.name ?? LEXICAL;
  if (only !== undefined && answers.length === 1) return { ...unopposed(only, options.confidence), similarity };
  const read = new Map<string, string>();
  const all = answers
    .map((answer) => {
      const normal = normalise(answer.text, options.choices);
      const vetoed = normal.kind === "empty" || groundingOf(answer, options.sources ?? {}, read) === "contradicted";
      return {
        answer,
        weight: vetoed ? OUT : weightOf(answer, options.weights),
        compared: compared(answer, normal),
      };
    })
    .sort(before);
  const groups = cluster(all, options.similarity);
  const quorum = options.quorum ?? 0;
  const reaches = (group: Group): number => (quorum > 0 && group.adapters.length >= quorum ? 1 : 0);
  const leads = (group: Group): number =>
    options.leading !== undefined && group.adapters.includes(options.leading) ? 1 : 0;
  groups.sort(
    (a, b) =>
      leads(b) - leads(a) || reaches(b) - reaches(a) || b.weight - a.weight || b.members.length - a.members.length,
  );
  keepChampion(groups, options);
  const [leading, ...others] = groups;
  const winner = leading?.members[0]?.answer;
  if (leading === undefined || winner === undefined) throw new RangeError("weigh needs at least one answer");
  // Nobody may have said anything that counts.
  const total = groups.reduce((sum, { weight }) => sum + weight, 0) || 1;
  const weights: Record<string, number> = {};
  for (const { answer, weight } of all) weights[answer.adapter] = (weights[answer.adapter] ?? 0) + weight / total;
  for (const adapter in weights) weights[adapter] = round(weights[adapter] ?? 0);
  return {
    winner,
    answer: winner.text,
    agreement: round(leading.weight / total),
    support: leading.adapters,
    votes: leading.members.length,
    mostAdapters: groups.reduce((most, { adapters }) => Math.max(most, adapters.length), 0),
    dissent: others.map(({ members, adapters, weight }) => ({
      adapters,
      answer: members[0]?.answer.text ?? "",
      weight: round(weight / total),
    })),
    evidence: evidenceOf(leading.members),
    weights,
    confidence: round(
      options.confidence ??
        posterior(
          leading,
          others.filter(({ weight }) => weight > OUT),
        ),
    ),
    similarity,
  };
}

/** A consensus of one: there is nothing to compare it with. */
function unopposed(answer: Answer, learned: number | undefined): Omit<Verdict, "similarity"> {
  const { adapter, text } = answer;
  const members = [{ answer }];
  return {
    winner: answer,
    answer: text,
    agreement: 1,
    support: [adapter],
    votes: 1,
    mostAdapters: 1,
    dissent: [],
    evidence: evidenceOf(members),
    weights: { [adapter]: 1 },
    confidence: round(learned ?? combined(members)),
  };
}

/** An adapter's own word; one out of range is no confidence at all, and counts as none given. */
function confidenceOf({ confidence }: Answer): number {
  return confidence !== undefined && confidence >= 0 && confidence <= 1 ? confidence : UNKNOWN_CONFIDENCE;
}

function weightOf(answer: Answer, learned: WeighOptions["weights"]): number {
  const own = confidenceOf(answer) * clamp(learned?.[answer.adapter] ?? 1);
  return Math.max(MIN_WEIGHT, own) + (answer.evidence.length > 0 ? GROUNDED : 0);
}

/** Weightiest first; equals by adapter and sample, so that the order of arrival decides nothing. */
function before(a: Weighed, b: Weighed): number {
  if (a.weight !== b.weight) return b.weight - a.weight;
  if (a.answer.adapter !== b.answer.adapter) return a.answer.adapter < b.answer.adapter ? -1 : 1;
  return a.answer.sample - b.answer.sample;
}

/** Puts the champion's group first again when the one before it is not clearly ahead. A quorum and a learned choice stand. */
function keepChampion(groups: Group[], { champion, quorum, leading }: WeighOptions): void {
  if (champion === undefined || quorum !== undefined || leading !== undefined) return;
  const at = groups.findIndex(({ adapters, weight }) => weight > OUT && adapters.includes(champion));
  const own = groups[at];
  if (own === undefined || at === 0) return;
  const total = groups.reduce((sum, { weight }) => sum + weight, 0);
  if (((groups[0]?.weight ?? 0) - own.weight) / total >= CHAMPION_MARGIN) return;
  groups.splice(at, 1);
  groups.unshift(own);
}

function cluster(answers: readonly Weighed[], similarity: Similarity | undefined): Group[] {
  const groups: Weighed[][] = [];
  for (const answer of answers) {
    // What is out of the vote supports nobody.
    const group =
      answer.weight === OUT
        ? undefined
        : groups.find((members) =>
            members.every((one) => one.weight !== OUT && same(one.compared, answer.compared, similarity)),
          );
    if (group === undefined) groups.push([answer]);
    else group.push(answer);
  }
  return groups.map((members) => ({
    members,
    adapters: [...new Set(members.map(({ answer }) => answer.adapter))],
    weight: members.reduce((sum, { weight }) => sum + weight, 0),
  }));
}

/** The winner's citations first; the same quote of the same place is told once. */
function evidenceOf(members: readonly { readonly answer: Answer }[]): readonly Evidence[] {
  const seen = new Set<string>();
  const evidence: Evidence[] = [];
  for (const { answer } of members) {
    for (const item of answer.evidence) {
      const id = JSON.stringify([item.locator ?? item.source, item.quote ?? ""]);
      if (seen.has(id)) continue;
      seen.add(id);
      evidence.push({ ...item, adapter: answer.adapter });
    }
  }
  return evidence;
}

/**
 * One minus the chance that all of a group's adapters are wrong. Clones of one adapter err together, so an adapter counts
 * once, with its best sample.
 */
function combined(members: readonly { readonly answer: Answer }[]): number {
  const best = new Map<string, number>();
  for (const { answer } of members) {
    const own = confidenceOf(answer);
    best.set(answer.adapter, Math.max(best.get(answer.adapter) ?? 0, own));
  }
  let wrong = 1;
  let highest = 0;
  for (const confidence of best.values()) {
    wrong *= 1 - confidence;
    highest = Math.max(highest, confidence);
  }
  return Math.max(highest, Math.min(MAX_CONFIDENCE, 1 - wrong));
}

/** At most one group is right: its odds against those of the others and of none. One group alone keeps its confidence. */
function posterior(leading: Group, others: readonly Group[]): number {
  const own = combined(leading.members);
  if (others.length === 0) return own;
  const odds = (p: number): number => Math.min(p, 0.999_9) / (1 - Math.min(p, 0.999_9));
  return odds(own) / others.reduce((sum, group) => sum + odds(combined(group.members)), 1 + odds(own));
}

function clamp(share: number): number {
  return share >= 0 ? Math.min(1, share) : 0;
}

function round(share: number): number {
  return Math.min(1, Math.max(0, Math.round(share * 10_000) / 10_000));
}
