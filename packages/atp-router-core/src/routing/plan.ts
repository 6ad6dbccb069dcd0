import type { Strategy } from "atp-protocol";
import type { Candidate, Exclusion, Lane, Limits, Plan, PlannedCall, Route, Task } from "../model/index.js";
import { usableCandidates } from "./candidates.js";
import { fitTogether, sizeCall, sum } from "./fit.js";
import { nobodyFits, unitOf, windowTooSmall } from "./no-plan.js";
import type { NoPlan } from "./no-plan.js";
import { shapes } from "./strategies.js";

const QUORUM = 2;
const CLONES = 3;
/** Clones of one adapter at most, whatever was asked. */
const MAX_CLONES = 16;

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
export type PlanResult = { readonly ok: true; readonly plan: Plan } | NoPlan;

/**
 * Chooses who is asked, in which order and until when, and says why: filter, size, shape, fit. Pure: the same input gives the
 * same plan. Nothing is left out silently: what is not asked stands in `excluded` with its reason.
 */
export function planRoute(input: PlanInput): PlanResult {
  const { task, route, left, qos } = input;
  const { usable, excluded } = usableCandidates(input.candidates, route, input.requireTags ?? []);
  if (usable.length === 0) return nobodyFits(input.candidates, excluded);
  if (left.parallel !== undefined && left.parallel < 1) return windowTooSmall("parallel", 1, left);

  const sizing = { qos, askedOutputTokens: task.content.max_output_tokens, left };
  const calls: PlannedCall[] = [];
  const tooDear: Exclusion[] = [];
  let least: { readonly dimension: "tokens" | "usdMicros"; readonly asked: number } | undefined;
  for (const choice of usable) {
    const size = sizeCall(choice, sizing);
    if (size.ok) {
      if (size.call !== undefined) calls.push(size.call);
      continue;
    }
    least ??= size;
    if (size.dimension === least.dimension && size.asked < least.asked) least = size;
    const message = `its smallest useful call needs ${size.asked} ${unitOf(size.dimension)}`;
    tooDear.push({ adapter: choice.candidate.info.name, reason: "budget", message });
  }
  if (calls.length === 0) return windowTooSmall(least?.dimension ?? "tokens", least?.asked ?? 0, left);

  const why: string[] = [];
  const strategy: Strategy = input.quorum === undefined ? input.strategy : "quorum";
  if (strategy !== input.strategy) why.push(`Policy wants ${input.quorum ?? QUORUM} answers that agree.`);
  const shape = shapes[strategy]({
    calls,
    qos,
    quorum: Math.max(1, input.quorum ?? route?.quorum ?? QUORUM),
    samples: Math.min(MAX_CLONES, Math.max(1, task.content.samples ?? CLONES)),
    route,
    why,
  });
  const first = fitTogether(shape.rungs[0] ?? [], sizing, strategy === "quorum");
  const rungs = [first.calls, ...shape.rungs.slice(1)];
  return {
    ok: true,
    plan: {
      strategy,
      rungs,
      stop: shape.stop,
      failoverOnly: shape.failoverOnly,
      expected: sum(first.calls, ({ estimate: e }) => ({
        tokens: e.inTokens + e.outTokens,
        usdMicros: e.usdMicros,
      })),
      worst: sum(rungs.flat(), (c) => c.hold),
      why: [...why, ...first.why],
      excluded: [...excluded, ...tooDear, ...first.excluded],
    },
  };
}
