/** A belief in a chance: so many times right, so many times wrong. */
export interface Beta {
  readonly right: number;
  readonly wrong: number;
}

/** Verdicts' worth of what is known a level above. */
const PRIOR_WEIGHT = 10;

/** The mean of a belief. */
export function mean({ right, wrong }: Beta): number {
  return right / (right + wrong);
}

/** A lower bound that holds with about 95 in 100, by the normal approximation on the belief's own variance. */
export function lowerBound(beta: Beta): number {
  const n = beta.right + beta.wrong;
  const m = mean(beta);
  return Math.max(0, m - 1.645 * Math.sqrt((m * (1 - m)) / (n + 1)));
}

/** Verdicts on adapters in tasks. */
export type Verdicts = Readonly<Record<string, Readonly<Record<string, Beta>>>>;

const none: Beta = { right: 0, wrong: 0 };
const add = (a: Beta, b: Beta): Beta => ({ right: a.right + b.right, wrong: a.wrong + b.wrong });

/** The belief `about` with `PRIOR_WEIGHT` verdicts' worth of another. */
function over(prior: Beta, about: Beta): Beta {
  const m = mean(prior);
  return add(about, { right: m * PRIOR_WEIGHT, wrong: (1 - m) * PRIOR_WEIGHT });
}

/**
 * How reliable an adapter is in a task: what was seen of it there, over what was seen of it in all tasks, over what was seen of all
 * adapters, over nothing (an even chance). Verdicts are of the questions it was asked, which are the harder ones when it is asked last:
 * plans use the difficulty model, which knows that; this is what people read.
 */
export function reliability(verdicts: Verdicts, task: string, adapter: string): Beta {
  let everybody = none;
  let everywhere = none;
  for (const byAdapter of Object.values(verdicts))
    for (const [name, beta] of Object.entries(byAdapter)) {
      everybody = add(everybody, beta);
      if (name === adapter) everywhere = add(everywhere, beta);
    }
  return over(over(over({ right: 1, wrong: 1 }, everybody), everywhere), verdicts[task]?.[adapter] ?? none);
}
