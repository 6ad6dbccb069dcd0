import { allocate, drawOf, operatingPoint } from "atp-router-core/learning";
import type { Part } from "./task-run.js";

/** What a policy did with the rows of some parts: one list for each part. */
export interface Spent {
  readonly right: readonly Float64Array[];
  readonly usdMicros: readonly Float64Array[];
}

/** A deficit or a surplus is made up for over so many requests. */
const HORIZON = 40;
/** Times that the rows come in another order, with other draws; their mean is told. */
const ORDERS = 8;

/**
 * Lets requests of several tasks come mixed, under one budget per request: each is answered at the operating point that the
 * budget allows its task, and what was spent so far pulls the budget of the next, as a router's governor does. It sees costs
 * of calls it made, never whether they were right.
 */
export function spend(parts: readonly Part[], budgetUsdMicros: number): Spent {
  const total = parts.reduce((sum, part) => sum + part.rows, 0);
  const tasks = parts.map((part) => ({ policy: part.policy, share: part.rows / total }));
  const right = parts.map((part) => new Float64Array(part.rows));
  const usdMicros = parts.map((part) => new Float64Array(part.rows));
  for (let order = 0; order < ORDERS; order++) {
    const queue = parts.flatMap((part, p) =>
      part.ids.map((id, i) => ({ p, i, id, at: drawOf(`${order} order ${id}`) })),
    );
    queue.sort((a, b) => a.at - b.at);
    let spent = 0;
    queue.forEach(({ p, i, id }, done) => {
      const owed = (budgetUsdMicros * done - spent) / HORIZON;
      const now = Math.min(2.5 * budgetUsdMicros, Math.max(0.2 * budgetUsdMicros, budgetUsdMicros + owed));
      const part = parts[p] as Part;
      const own = tasks.length === 1 ? now : (allocate(tasks, now)[p] ?? now);
      const point = operatingPoint(part.policy, { budgetUsdMicros: own }, drawOf(`${order} draw ${id}`));
      const index = point === undefined ? 0 : part.policy.points.indexOf(point);
      const paid = part.usdMicros[index * part.rows + i] ?? 0;
      spent += paid;
      const [paidSoFar, rightSoFar] = [usdMicros[p] as Float64Array, right[p] as Float64Array];
      paidSoFar[i] = (paidSoFar[i] ?? 0) + paid / ORDERS;
      rightSoFar[i] = (rightSoFar[i] ?? 0) + (part.right[index * part.rows + i] ?? 0) / ORDERS;
    });
  }
  return { right, usdMicros };
}

/**
 * One member for each row of all parts: the mean of what stands for it. A row is scored once in every parting of the rows, and
 * intervals are drawn over rows, not over scores.
 */
export function byRow(parts: readonly Part[], lists: readonly Float64Array[]): Float64Array {
  const sums = new Map<string, { sum: number; count: number }>();
  parts.forEach((part, p) => {
    part.ids.forEach((id, i) => {
      const key = `${part.task} ${id}`;
      const one = sums.get(key) ?? { sum: 0, count: 0 };
      one.sum += lists[p]?.[i] ?? 0;
      one.count++;
      sums.set(key, one);
    });
  });
  return Float64Array.from(sums.values(), ({ sum, count }) => sum / count);
}
