import { patternOf } from "./patterns.js";

/** How far the votes of a task's adapters count. Plain data. */
export interface VoteWeights {
  /** By adapter, above 0 and up to 1. */
  readonly weights: Readonly<Record<string, number>>;
  /** The adapter that is right most often; absent while too little is known of anybody. */
  readonly champion?: string;
}

/** Verdicts, or a prior's worth of them, from which on an adapter may be called the champion. */
const KNOWN_FROM = 20;
/** Wrong answers that are taken to be its own before any was seen: one shared error makes no copy. */
const OWN_ERRORS = 4;
/** An accuracy above which a vote gains no more weight. */
const BEST = 0.97;

/**
 * Weights from what was learned. A vote counts by `-log(1 - accuracy)`: how unlikely it is that its adapter errs, in the measure in which
 * independent adapters add up. It is then shared among those who err alike: of `i`'s wrong answers, the share that `j` gave too, summed
 * over `j`, is how many more voices of the same opinion there are (the design effect of Kish, 1965). So an adapter and its perfect copy
 * count together as one.
 *
 * @param known how many verdicts are known of an adapter
 * @param judged patterns that somebody judged, each with its count
 */
export function voteWeights(
  accuracy: Readonly<Record<string, number>>,
  known: (adapter: string) => number,
  judged: Iterable<readonly [key: string, count: number]>,
): VoteWeights {
  const names = Object.keys(accuracy);
  const alike = sharedErrors(names, judged);
  const weights: Record<string, number> = {};
  let champion: string | undefined;
  for (const name of names) {
    const right = Math.min(BEST, Math.max(0, accuracy[name] ?? 0));
    const voices = names.reduce((sum, other) => sum + (alike.get(name)?.get(other) ?? 0), 1);
    weights[name] = Math.max(0.01, Math.log(1 - right) / Math.log(1 - BEST) / voices);
    if (known(name) >= KNOWN_FROM && (champion === undefined || right > (accuracy[champion] ?? 0))) champion = name;
  }
  return { weights, ...(champion === undefined ? {} : { champion }) };
}

/** Of each adapter's wrong answers on questions that another answered too, the share that the other gave as well. */
function sharedErrors(
  names: readonly string[],
  judged: Iterable<readonly [key: string, count: number]>,
): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const wrong = new Map(names.map((name) => [name, new Map<string, { same: number; of: number }>()]));
  for (const [key, count] of judged) {
    const pattern = patternOf(key);
    if (pattern === undefined || !("right" in pattern.truth || "none" in pattern.truth)) continue;
    const right = "right" in pattern.truth ? pattern.truth.right : -1;
    const answered = pattern.groups.flat();
    pattern.groups.forEach((group, g) => {
      if (g === right) return;
      for (const one of group)
        for (const other of answered) {
          const pairs = wrong.get(one);
          if (one === other || pairs === undefined) continue;
          const pair = pairs.get(other) ?? { same: 0, of: OWN_ERRORS };
          pairs.set(other, { same: pair.same + (group.includes(other) ? count : 0), of: pair.of + count });
        }
    });
  }
  return new Map(
    [...wrong].map(([name, pairs]) => [name, new Map([...pairs].map(([other, { same, of }]) => [other, same / of]))]),
  );
}
