import type { Strategy } from "atp-protocol";
import type { Lane, PlannedCall, Route, StopRule } from "../model/index.js";

/** Confidence at which a cascade stops asking. @see Route.minConfidence */
const MIN_CONFIDENCE = 0.7;
/** Share of the weight that must agree. @see Route.minAgreement */
const MIN_AGREEMENT = 0.6;

/** What an acceptable answer is worth in each lane, in micro-dollars: how much dearer an adapter may be for being surer. */
const answerValue: Readonly<Record<Lane, number>> = { gold: 100_000, silver: 20_000, bronze: 4_000 };

/** Rungs without their sizes, and when to stop. */
export interface Shape {
  readonly rungs: readonly (readonly PlannedCall[])[];
  readonly stop: StopRule;
  readonly failoverOnly: boolean;
}

/** What a strategy shapes. */
export interface ShapeInput {
  /** Calls that fit a window on their own, in the order of preference. */
  readonly calls: readonly PlannedCall[];
  readonly qos: Lane;
  readonly quorum: number;
  readonly samples: number;
  readonly route: Route | undefined;
  /** Sentences that give the reasons are added here. */
  readonly why: string[];
}

/** Names of calls, each once. */
export function names(calls: readonly PlannedCall[]): string {
  return [...new Set(calls.map((c) => c.adapter.name))].join(", ");
}

const each = (calls: readonly PlannedCall[]): readonly (readonly PlannedCall[])[] => calls.map((c) => [c]);

/** What a call is expected to bring, less what it is expected to cost. */
function score(call: PlannedCall, qos: Lane): number {
  return call.estimate.confidence * answerValue[qos] - call.estimate.usdMicros;
}

/** Calls by score, those that score alike in the order of preference; in the route's own order when it names adapters. */
function byScore({ calls, qos, route }: ShapeInput): readonly PlannedCall[] {
  if (route?.adapters !== undefined) return calls;
  const last = (call: PlannedCall): number => (call.late === true ? 1 : 0);
  return [...calls].sort((a, b) => last(a) - last(b) || score(b, qos) - score(a, qos));
}

function bestReason({ qos, route }: ShapeInput): string {
  return route?.adapters === undefined
    ? `the most expected confidence for its price in lane ${qos}`
    : "the first of its route";
}

function ladder({ calls, route, why }: ShapeInput): Shape {
  const minConfidence = route?.minConfidence ?? MIN_CONFIDENCE;
  const minAgreement = route?.minAgreement ?? MIN_AGREEMENT;
  const [first, ...later] = calls;
  const order = route?.adapters === undefined ? "the cheapest" : "the first of the route";
  if (first !== undefined) why.push(`Asks ${order} first: ${first.adapter.name}.`);
  if (later.length > 0) {
    why.push(`Goes on to ${names(later)} while confidence is under ${minConfidence}.`);
    why.push(`Two answers that agree, with at least ${minAgreement} of the weight, are enough.`);
  }
  return { rungs: each(calls), stop: { minConfidence, minAgreement, eager: false }, failoverOnly: false };
}

function single(input: ShapeInput): Shape {
  const [first, ...later] = byScore(input);
  if (first === undefined) return { rungs: [], stop: { eager: false }, failoverOnly: true };
  input.why.push(`Asks ${first.adapter.name} alone: ${bestReason(input)}.`);
  if (later.length > 0) input.why.push(`${names(later)} would stand in if it fails.`);
  return { rungs: each([first, ...later]), stop: { eager: false }, failoverOnly: true };
}

function race({ calls, route, why }: ShapeInput): Shape {
  const minConfidence = route?.minConfidence ?? MIN_CONFIDENCE;
  why.push(`Asks ${names(calls)} at once and takes the first answer with a confidence of ${minConfidence}.`);
  return { rungs: [calls], stop: { minConfidence, eager: true }, failoverOnly: false };
}

function quorum({ calls, quorum: k, why }: ShapeInput): Shape {
  why.push(`Asks until ${k} answers agree, ${names(calls.slice(0, k))} first.`);
  if (calls.length < k) why.push(`Only ${calls.length} of the ${k} adapters that must agree can be asked.`);
  return {
    rungs: [calls.slice(0, k), ...each(calls.slice(k))],
    stop: { quorum: k, eager: true },
    failoverOnly: false,
  };
}

function fanout({ calls, why }: ShapeInput): Shape {
  why.push(`Asks every adapter that fits at once (${names(calls)}) and weighs all their answers.`);
  return { rungs: [calls], stop: { eager: false }, failoverOnly: false };
}

function clones(input: ShapeInput): Shape {
  const [first, ...later] = byScore(input);
  if (first === undefined) return { rungs: [], stop: { eager: false }, failoverOnly: false };
  const samples = Array.from({ length: input.samples }, (_, sample) => ({ ...first, sample }));
  input.why.push(`Asks ${first.adapter.name} ${input.samples} times, ${bestReason(input)}, and weighs the answers.`);
  if (later.length > 0) input.why.push(`${names(later)} would stand in if all of them fail.`);
  return { rungs: [samples, ...each(later)], stop: { eager: false }, failoverOnly: true };
}

/** How each strategy asks. */
export const shapes: Readonly<Record<Strategy, (input: ShapeInput) => Shape>> = {
  single,
  race,
  cascade: ladder,
  auto: ladder,
  quorum,
  fanout,
  clones,
};
