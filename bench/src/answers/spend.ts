import { allocate, drawOf, operatingPoint } from "atp-router-core/learning";
import type { Part } from "./task-run.js";

/** What a policy did with the rows of some parts, one list over all of them. */
export interface Spent {
  readonly right: Float64Array;
  readonly usdMicros: Float64Array;
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
  const starts = parts.map((_, p) => parts.slice(0, p).reduce((sum, part) => sum + part.rows, 0));
  const tasks = parts.map((part) => ({ policy: part.policy, share: part.rows / total }));
  const right = new Float64Array(total);
  const usdMicros = new Float64Array(total);
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
      const to = (starts[p] ?? 0) + i;
      usdMicros[to] = (usdMicros[to] ?? 0) + paid / ORDERS;
      right[to] = (right[to] ?? 0) + (part.right[index * part.rows + i] ?? 0) / ORDERS;
    });
  }
  return { right, usdMicros };
}

/** Several lists as one. */
export function joined(lists: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
