import type { Strategy } from "atp-protocol";
import type {
  Candidate,
  Dimension,
  Exclusion,
  Lane,
  Limits,
  Plan,
  PlannedCall,
  Route,
  StopRule,
  Task,
} from "../model/index.js";
import { sizeHold } from "../money/index.js";
import { usableCandidates } from "./candidates.js";
import type { Usable } from "./candidates.js";

/** Confidence at which a cascade stops asking. @see Route.minConfidence */
const MIN_CONFIDENCE = 0.7;
/** Share of the weight that must agree. @see Route.minAgreement */
const MIN_AGREEMENT = 0.6;
const QUORUM = 2;
const CLONES = 3;

/** What a plan is made from. */
export interface PlanInput {
  readonly task: Task;
  readonly qos: Lane;
  readonly strategy: Strategy;
  readonly route?: Route;
  readonly candidates: readonly Candidate[];
  /** The least left over all windows; absent members are unlimited. */
  readonly left: Limits;
  readonly requireTags?: readonly string[];
  /** Answers that policy wants to agree; raises a strategy to `quorum`. */
  readonly quorum?: number;
}

/** A plan, or why there is none. */
export type PlanResult =
  | { readonly ok: true; readonly plan: Plan }
  | {
      readonly ok: false;
      readonly code: "ENOROUTE" | "EAGENTDOWN" | "EBUDGET";
      /** The dimension that is too small. */
      readonly bound?: Dimension;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** Chooses who is asked, in which order and until when, and says why. Pure: the same input gives the same plan. */
export function planRoute(input: PlanInput): PlanResult {
  const { task, route, left } = input;
  const { usable, excluded } = usableCandidates(input.candidates, route, input.requireTags ?? []);
  if (usable.length === 0) return nobody(input.candidates, excluded);
  const strategy: Strategy = input.quorum === undefined ? input.strategy : "quorum";
  const why: string[] = [];
  const budget = { tokens: left.tokens ?? Infinity, usdMicros: left.usdMicros ?? Infinity };
  const tooDear: Exclusion[] = [];

  const priced: PlannedCall[] = [];
  let refused: { dimension: "tokens" | "usdMicros"; asked: number } | undefined;
  for (const choice of usable) {
    const size = call(choice, input, left);
    if (size.ok) {
      priced.push(size.call);
      continue;
    }
    if (refused === undefined || size.asked < refused.asked) refused = size;
    tooDear.push({
      adapter: choice.candidate.info.name,
      reason: "budget",
      message: `even its smallest call needs ${size.asked} ${unit(size.dimension)}`,
    });
  }
  if (priced.length === 0) return tooSmall(refused, left);
  if (left.parallel === 0) return tooSmall({ dimension: "parallel", asked: 1 }, left);

  const quorum = Math.max(2, input.quorum ?? route?.quorum ?? QUORUM);
  const shape = shapes[strategy]({ priced, quorum, samples: task.content.samples ?? CLONES, route, why });
  // All calls of the first rung run at once: together they must fit.
  const first = fit(shape.rungs[0] ?? [], budget, strategy === "quorum" ? "keep" : "drop", tooDear, why);
  const rungs = [first, ...shape.rungs.slice(1)].filter((rung) => rung.length > 0);
  return {
    ok: true,
    plan: {
      strategy,
      rungs,
      stop: shape.stop,
      failoverOnly: shape.failoverOnly,
      expected: sum(first, (c) => ({
        tokens: c.estimate.inTokens + c.estimate.outTokens,
        usdMicros: c.estimate.usdMicros,
      })),
      worst: sum(rungs.flat(), (c) => c.hold),
      why,
      excluded: [...excluded, ...tooDear],
    },
  };
}

interface Shape {
  readonly rungs: readonly (readonly PlannedCall[])[];
  readonly stop: StopRule;
  readonly failoverOnly: boolean;
}

interface ShapeInput {
  /** Calls that fit a window on their own, cheapest first. */
  readonly priced: readonly PlannedCall[];
  readonly quorum: number;
  readonly samples: number;
  readonly route: Route | undefined;
  readonly why: string[];
}

const names = (calls: readonly PlannedCall[]): string => calls.map((c) => c.adapter.name).join(", ");
const each = (calls: readonly PlannedCall[]): readonly (readonly PlannedCall[])[] => calls.map((c) => [c]);

function best(calls: readonly PlannedCall[]): readonly PlannedCall[] {
  return [...calls].sort(
    (a, b) => b.estimate.confidence - a.estimate.confidence || a.estimate.usdMicros - b.estimate.usdMicros,
  );
}

function ladder({ priced, route, why }: ShapeInput): Shape {
  const minConfidence = route?.minConfidence ?? MIN_CONFIDENCE;
  const minAgreement = route?.minAgreement ?? MIN_AGREEMENT;
  why.push(
    `Asks the cheapest first (${names(priced.slice(0, 1))}) and escalates${priced.length > 1 ? ` to ${names(priced.slice(1))}` : ""} while confidence is under ${minConfidence}.`,
  );
  if (priced.length > 1) why.push(`Two answers that agree by ${minAgreement} of the weight are enough.`);
  return { rungs: each(priced), stop: { minConfidence, minAgreement, eager: false }, failoverOnly: false };
}

const shapes: Readonly<Record<Strategy, (input: ShapeInput) => Shape>> = {
  single({ priced, why }) {
    const order = best(priced);
    why.push(`Asks ${names(order.slice(0, 1))} alone: the highest expected confidence for its price.`);
    if (order.length > 1) why.push(`${names(order.slice(1))} would stand in if it fails.`);
    return { rungs: each(order), stop: { eager: false }, failoverOnly: true };
  },
  race({ priced, route, why }) {
    why.push(`Asks ${names(priced)} at once and takes the first good answer.`);
    return {
      rungs: [priced],
      stop: { minConfidence: route?.minConfidence ?? MIN_CONFIDENCE, eager: true },
      failoverOnly: false,
    };
  },
  cascade: ladder,
  auto: ladder,
  quorum({ priced, quorum, why }) {
    why.push(`Asks until ${quorum} answers agree, ${names(priced.slice(0, quorum))} first.`);
    return {
      rungs: [priced.slice(0, quorum), ...each(priced.slice(quorum))],
      stop: { quorum, eager: true },
      failoverOnly: false,
    };
  },
  fanout({ priced, why }) {
    why.push(`Asks every adapter that fits at once (${names(priced)}) and weighs all their answers.`);
    return { rungs: [priced], stop: { eager: false }, failoverOnly: false };
  },
  clones({ priced, samples, why }) {
    const [first] = best(priced);
    if (first === undefined) return { rungs: [], stop: { eager: false }, failoverOnly: false };
    why.push(`Asks ${first.adapter.name} ${samples} times and weighs the answers.`);
    return {
      rungs: [Array.from({ length: samples }, (_, sample) => ({ ...first, sample }))],
      stop: { eager: false },
      failoverOnly: false,
    };
  },
};

function call(
  { candidate, estimate }: Usable,
  input: PlanInput,
  left: Limits,
): { ok: true; call: PlannedCall } | { ok: false; dimension: "tokens" | "usdMicros"; asked: number } {
  const { info } = candidate;
  const asked = input.task.content.max_output_tokens;
  const room =
    info.contextTokens === undefined || info.contextTokens === 0 ? undefined : info.contextTokens - estimate.inTokens;
  const ceiling = asked === undefined ? room : Math.min(asked, room ?? asked);
  const size = sizeHold({
    estimate,
    ...(info.price === undefined ? {} : { price: info.price }),
    qos: input.qos,
    ...(ceiling === undefined ? {} : { askedOutputTokens: ceiling }),
    left,
  });
  if (!size.ok) return size;
  return {
    ok: true,
    call: { adapter: info, sample: 0, estimate, hold: size.amounts, maxOutputTokens: size.maxOutputTokens },
  };
}

/** Drops the dearest calls of a rung until what is left of it fits together: degraded before refused (A7.3). */
function fit(
  rung: readonly PlannedCall[],
  budget: { tokens: number; usdMicros: number },
  mode: "drop" | "keep",
  excluded: Exclusion[],
  why: string[],
): readonly PlannedCall[] {
  const kept = [...rung];
  while (mode === "drop" && kept.length > 1) {
    const total = sum(kept, (c) => c.hold);
    if (total.tokens <= budget.tokens && total.usdMicros <= budget.usdMicros) break;
    let dearest = 0;
    kept.forEach((c, i) => {
      if (c.hold.usdMicros > (kept[dearest]?.hold.usdMicros ?? 0)) dearest = i;
    });
    const [dropped] = kept.splice(dearest, 1);
    if (dropped === undefined) break;
    excluded.push({
      adapter: dropped.adapter.name,
      reason: "budget",
      message: "the window does not cover it beside the others",
    });
    why.push(`Leaves ${dropped.adapter.name} out: the window does not cover it beside the others.`);
  }
  return kept;
}

function sum(
  calls: readonly PlannedCall[],
  of: (c: PlannedCall) => { tokens: number; usdMicros: number },
): { tokens: number; usdMicros: number } {
  return calls.reduce(
    (total, c) => {
      const amount = of(c);
      return { tokens: total.tokens + amount.tokens, usdMicros: total.usdMicros + amount.usdMicros };
    },
    { tokens: 0, usdMicros: 0 },
  );
}

function nobody(candidates: readonly Candidate[], excluded: readonly Exclusion[]): PlanResult {
  const reached = candidates.filter(
    (c) => c.failure === undefined || (c.failure.kind !== "unavailable" && c.failure.kind !== "timeout"),
  );
  const adapters = excluded.map(({ adapter, reason, message }) => ({ adapter, reason, message }));
  const told = excluded.map(({ adapter, message }) => `${adapter}: ${message}`).join("; ");
  if (candidates.length === 0) {
    return {
      ok: false,
      code: "EAGENTDOWN",
      message: "The router has no adapter. Add one to ADAPTER_ENDPOINTS or to its configuration.",
      details: { adapters },
    };
  }
  if (reached.length === 0 || excluded.every(({ reason }) => reason === "estimate" || reason === "status")) {
    return {
      ok: false,
      code: "EAGENTDOWN",
      message: `No adapter can be asked (${told}). Try again later.`,
      details: { adapters },
    };
  }
  return {
    ok: false,
    code: "ENOROUTE",
    message: `No adapter fits the task (${told}). Change the task, its route or its tags.`,
    details: { adapters },
  };
}

const wireDimension = { parallel: "max_parallel", tokens: "max_tokens", usdMicros: "max_usd_micros" } as const;

function unit(dimension: "parallel" | "tokens" | "usdMicros"): string {
  return dimension === "tokens" ? "tokens" : dimension === "parallel" ? "calls" : "micro-dollars";
}

function tooSmall(
  refused: { dimension: "parallel" | "tokens" | "usdMicros"; asked: number } | undefined,
  left: Limits,
): PlanResult {
  const dimension = refused?.dimension ?? "tokens";
  const asked = refused?.asked ?? 0;
  const room = left[dimension] ?? 0;
  return {
    ok: false,
    code: "EBUDGET",
    bound: dimension,
    message: `The window leaves ${Math.max(0, room)} ${unit(dimension)}, and the smallest call needs ${asked}. Raise ${wireDimension[dimension]} or ask for less.`,
    details: {
      dimension: wireDimension[dimension],
      left: Math.max(0, room),
      asked,
      remedy: room <= 0 && left[dimension] === 0 ? "never" : "raise",
    },
  };
}
