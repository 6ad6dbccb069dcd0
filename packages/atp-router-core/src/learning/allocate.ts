import type { TaskPolicy } from "./answer-policy.js";
import { slope } from "./hull.js";

/** A task with how much of the traffic it is. */
export interface TaskShare {
  readonly policy: TaskPolicy;
  /** 0 to 1; all shares add up to 1. */
  readonly share: number;
}

/**
 * Divides one budget per question between tasks: the next micro-dollar always goes where it brings the most right answers, which
 * is one price of an error for all of them. Returns each task's own budget per question, for `Aim.budgetUsdMicros`.
 */
export function allocate(tasks: readonly TaskShare[], budgetUsdMicros: number): number[] {
  const budgets = tasks.map(({ policy }) => policy.points[0]?.usdMicros ?? 0);
  let left = budgetUsdMicros - budgets.reduce((sum, budget, i) => sum + budget * (tasks[i]?.share ?? 0), 0);
  const steps = tasks.flatMap(({ policy, share }, task) =>
    policy.points.slice(1).map((to, i) => {
      const from = policy.points[i] ?? to;
      return { task, share, gain: slope(from, to), length: to.usdMicros - from.usdMicros };
    }),
  );
  steps.sort((a, b) => b.gain - a.gain);
  for (const { task, share, length } of steps) {
    if (left <= 0) break;
    const part = share > 0 ? Math.min(length, left / share) : 0;
    budgets[task] = (budgets[task] ?? 0) + part;
    left -= part * share;
  }
  return budgets;
}
