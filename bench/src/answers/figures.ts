import { type Goal, goal, type Info, info, type Operator } from "../harness/report.js";
import { type Column, baselineNames } from "./baselines.js";
import { bootstrap, type Interval } from "./bootstrap.js";
import { byRow, spend } from "./spend.js";
import type { Part } from "./task-run.js";

/** One point that the issue of answers aims at. */
interface Aim {
  readonly id: string;
  /** Percent of the always-best model's cost that may be spent. */
  readonly percent: number;
  /** Points of accuracy over the always-best model; or, with `gap`, percent of the gap to the oracle. */
  readonly atLeast: number;
  readonly gap?: true;
}

/** Tasks that are answered under one budget. */
export interface Group {
  readonly name: string;
  /** By fold: one part for each task of the group. */
  readonly folds: readonly (readonly Part[])[];
}

export const aims: Readonly<Record<string, readonly Aim[]>> = {
  together: [
    { id: "parity", percent: 32, atLeast: 0 },
    { id: "better", percent: 50, atLeast: 1.5 },
    { id: "cheap", percent: 25, atLeast: -0.5 },
    { id: "gap", percent: 105, atLeast: 22, gap: true },
  ],
  gsm: [{ id: "parity", percent: 17, atLeast: 0 }],
  "math-l5": [
    { id: "parity", percent: 45, atLeast: 0 },
    { id: "better", percent: 72, atLeast: 3 },
  ],
  crux: [
    { id: "near", percent: 55, atLeast: -1 },
    { id: "parity", percent: 88, atLeast: 0 },
  ],
  "mmlu-pro": [
    { id: "parity", percent: 58, atLeast: 0 },
    { id: "better", percent: 100, atLeast: 2.5 },
  ],
};

/** A policy aims this far under its budget, for the always-best model's cost on other rows is not known to it. */
const MARGIN = 0.97;

/** Asked shares of the always-best cost in the picture. */
export const curvePercents = [5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 110] as const;

const spreadOf = ({ value, low, high }: Interval): { value: number; min: number; max: number; rounds: number } => ({
  value,
  min: low,
  max: high,
  rounds: 1_000,
});

/** One goal whose spread is its 95% interval. */
export function intervalGoal(
  id: string,
  what: string,
  unit: string,
  figure: Interval,
  op: Operator,
  target: number,
): Goal {
  return goal(id, `${what}; with its 95% interval`, unit, spreadOf(figure), op, target);
}

export function intervalInfo(unit: string, figure: Interval): Info {
  return info(unit, spreadOf(figure));
}

/** The always-best model of a group: the best of each task, or over all tasks together when there are several. */
function best(group: Group): Column & { readonly fit: number } {
  const parts = group.folds.flat();
  const shared = parts.every((part) => part.sharedBest !== undefined) && (group.folds[0]?.length ?? 0) > 1;
  const of = (part: Part): Column =>
    shared && part.sharedBest !== undefined ? part.sharedBest : part.baselines["always best"];
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const fit = parts.reduce(
    (sum, part) => sum + (shared ? (part.sharedBest?.fitUsdMicros ?? 0) : part.championUsdMicros) * part.rows,
    0,
  );
  return {
    right: byRow(
      parts,
      parts.map((part) => of(part).right),
    ),
    usdMicros: byRow(
      parts,
      parts.map((part) => of(part).usdMicros),
    ),
    fit: fit / rows,
  };
}

const percent = (a: number, b: number): number => (100 * a) / b;

/** Accuracy and cost at one budget, against the always-best model on the same rows. */
export function atBudget(
  group: Group,
  share: number,
): { readonly points: Interval; readonly cost: Interval; readonly gap: Interval; readonly accuracy: number } {
  const champion = best(group);
  const all = group.folds.flat();
  const spent = group.folds.map((parts) => {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const fit = parts.reduce(
      (sum, part) =>
        sum +
        (parts.length > 1 && part.sharedBest !== undefined ? part.sharedBest.fitUsdMicros : part.championUsdMicros) *
          part.rows,
      0,
    );
    return spend(parts, (MARGIN * share * fit) / rows / 100);
  });
  const right = byRow(
    all,
    spent.flatMap((one) => one.right),
  );
  const usdMicros = byRow(
    all,
    spent.flatMap((one) => one.usdMicros),
  );
  const oracle = byRow(
    all,
    all.map((part) => part.baselines.oracle.right),
  );
  return {
    points: bootstrap([right, champion.right], ([a = 0, b = 0]) => 100 * (a - b)),
    cost: bootstrap([usdMicros, champion.usdMicros], ([a = 0, b = 1]) => percent(a, b)),
    gap: bootstrap([right, champion.right, oracle], ([a = 0, b = 0, c = 1]) => percent(a - b, c - b)),
    accuracy: right.reduce((sum, value) => sum + value, 0) / right.length,
  };
}

/** The goals of accuracy at a cost. Each point has two figures: what it brings, and that it keeps its budget. */
export function costGoals(group: Group): Goal[] {
  return (aims[group.name] ?? []).flatMap((aim) => {
    const { points, cost, gap } = atBudget(group, aim.percent);
    const id = `${group.name}.${aim.id}`;
    const what =
      aim.gap === true ? "share of the gap to the oracle that is closed" : "accuracy over the always-best model";
    return [
      intervalGoal(
        id,
        `${what}, at a budget of ${aim.percent}% of its cost`,
        aim.gap === true ? "%" : "points",
        aim.gap === true ? gap : points,
        ">=",
        aim.atLeast,
      ),
      intervalGoal(`${id}.cost`, "what that cost, of the always-best model's cost", "%", cost, "<=", aim.percent),
    ];
  });
}

/** What the baselines do with the same rows. */
export function baselineInfos(group: Group): Record<string, Info> {
  const champion = best(group);
  const parts = group.folds.flat();
  return Object.fromEntries(
    baselineNames.flatMap((name) => {
      const right =
        name === "always best"
          ? champion.right
          : byRow(
              parts,
              parts.map((part) => part.baselines[name].right),
            );
      const usdMicros =
        name === "always best"
          ? champion.usdMicros
          : byRow(
              parts,
              parts.map((part) => part.baselines[name].usdMicros),
            );
      return [
        [
          `${group.name}, ${name}: accuracy`,
          intervalInfo(
            "%",
            bootstrap([right], ([a = 0]) => 100 * a),
          ),
        ],
        [
          `${group.name}, ${name}: cost`,
          intervalInfo(
            "%",
            bootstrap([usdMicros, champion.usdMicros], ([a = 0, b = 1]) => percent(a, b)),
          ),
        ],
      ];
    }),
  );
}

const consensusAims: Readonly<Record<string, number>> = { "math-l5": 6, "mmlu-pro": 2 };

/** Everybody asked, cost ignored. */
export function consensusGoals(group: Group): Goal[] {
  const parts = group.folds.flat();
  const right = byRow(
    parts,
    parts.map((part) => part.consensus.right),
  );
  const majority = byRow(
    parts,
    parts.map((part) => part.baselines.majority.right),
  );
  const single = byRow(
    parts,
    parts.map((part) => part.baselines["always best"].right),
  );
  const over = (other: Float64Array): Interval => bootstrap([right, other], ([a = 0, b = 0]) => 100 * (a - b));
  const name = group.name;
  return [
    intervalGoal(
      `consensus.${name}.majority`,
      `learned consensus of all models over plain majority on ${name}`,
      "points",
      over(majority),
      ">=",
      0,
    ),
    intervalGoal(
      `consensus.${name}.best`,
      `learned consensus of all models over the best single model on ${name}`,
      "points",
      over(single),
      ">=",
      consensusAims[name] ?? 0,
    ),
  ];
}

/** The early stop over all tasks. */
export function earlyGoals(groups: readonly Group[]): Goal[] {
  const parts = groups.flatMap((group) => group.folds.flat());
  const right = byRow(
    parts,
    parts.map((part) => part.consensus.right),
  );
  const early = byRow(
    parts,
    parts.map((part) => part.consensus.earlyRight),
  );
  const calls = byRow(
    parts,
    parts.map((part) => part.consensus.earlyCalls),
  );
  const all = byRow(
    parts,
    parts.map((part) => new Float64Array(part.rows).fill(part.consensus.models)),
  );
  const ratio = ([a = 0, b = 1]: readonly number[]): number => a / b;
  return [
    intervalGoal(
      "early.calls",
      "calls with an early stop over calls of everybody, four tasks",
      "x",
      bootstrap([calls, all], ratio),
      "<=",
      0.8,
    ),
    intervalGoal(
      "early.accuracy",
      "accuracy with an early stop over accuracy of everybody",
      "x",
      bootstrap([early, right], ratio),
      ">=",
      0.995,
    ),
  ];
}
