import { LEVELS, encode, joint } from "./difficulty.js";
import type { DifficultyModel } from "./difficulty.js";

/** An outcome less likely than this changes no decision. */
const NEGLIGIBLE = 1e-3;
/** Adapters that are thought about: the work grows with the fourth power of their number. */
const MAX_POOL = 7;

/** What is known at a point of a question. */
export interface Standing {
  readonly bucket: string;
  /** Adapters by answer given so far. */
  readonly groups: readonly (readonly string[])[];
  readonly silent: readonly string[];
}

/** What can be done at a point of a question, in chances of a right answer. */
export interface Prospect {
  /** Chance of being right by group, in the order of `Standing.groups`. */
  readonly right: readonly number[];
  /** The likeliest group; -1 while there is none. */
  readonly leading: number;
  /** Its chance. */
  readonly confidence: number;
  /**
   * What asking each adapter brings over stopping now: the rise of the chance to end right, less what later calls would cost,
   * before its own price. In the order of the model's adapters; NaN for those that were asked, cannot be, or are not worth a thought.
   */
  readonly gains: readonly number[];
}

/** Prices of calls as the chance of a right answer that the money is worth, by adapter. */
export interface LookaheadOptions {
  /** In the order of the model's adapters; `Infinity` for one that cannot be asked. */
  readonly prices: readonly number[];
  /** Calls of one question at most. */
  readonly maxCalls: number;
}

/** Thinks decisions of one question through. What was thought once is remembered: keep it while model and prices hold. */
export interface Lookahead {
  prospect(standing: Standing): Prospect;
  /** Points that were thought through. */
  readonly size: number;
}

interface Point {
  readonly value: number;
  readonly prospect: Prospect;
}

/**
 * Expected value of information, not of the next call alone but of what it allows after it: backwards induction over who may
 * agree with whom, up to `maxCalls` calls. A single step ahead stops too early, for one answer that differs changes nothing.
 */
export function createLookahead(model: DifficultyModel, { prices, maxCalls }: LookaheadOptions): Lookahead {
  const n = model.adapters.length;
  const indexOf = new Map(model.adapters.map((name, i) => [name, i]));
  const points = new Map<string, Point>();
  const pool = poolOf(model, prices);
  const standings = new Map<string, Prospect>();

  /** `rows`: the joint weights of the groups, in order of their masks, and of none. */
  function think(masks: readonly number[], silent: number, rows: Float64Array, depth: number, key: string): Point {
    const id = `${key}${masks.join()};${silent}`;
    const had = points.get(id);
    if (had !== undefined) return had;
    const K = masks.length;
    const sums = rowSums(rows, K + 1);
    let total = 0;
    for (const sum of sums) total += sum;
    let leading = -1;
    let confidence = 0;
    const right = masks.map((_, k) => {
      const chance = (sums[k] as number) / total;
      if (chance > confidence) {
        confidence = chance;
        leading = k;
      }
      return chance;
    });
    let value = confidence;
    const gains = new Array<number>(n).fill(Number.NaN);
    if (depth > 0) {
      const called = masks.reduce((all, mask) => all | mask, silent);
      for (const i of pool) {
        if ((called & (1 << i)) !== 0) continue;
        const expected = after(i, masks, silent, rows, total, depth, key);
        gains[i] = expected - confidence;
        value = Math.max(value, expected - (prices[i] as number));
      }
    }
    const point = { value, prospect: { right, leading, confidence, gains } };
    points.set(id, point);
    return point;
  }

  /** The expected value after asking adapter `i`: it joins a group, stands alone, or is silent. */
  function after(
    i: number,
    masks: readonly number[],
    silent: number,
    rows: Float64Array,
    total: number,
    depth: number,
    key: string,
  ): number {
    const K = masks.length;
    const sizes = masks.map(bits);
    const answered = sizes.reduce((a, b) => a + b, 0);
    const quiet = model.silent[i] as number;
    // The weights if it is right, and if it is wrong.
    const ifRight = new Float64Array(rows.length);
    const ifWrong = new Float64Array(rows.length);
    for (let k = 0; k <= K; k++)
      for (let g = 0; g < LEVELS; g++) {
        const at = k * LEVELS + g;
        const p = model.right[i * LEVELS + g] as number;
        ifRight[at] = (rows[at] as number) * p;
        ifWrong[at] = (rows[at] as number) * (1 - p);
      }
    const rightSums = rowSums(ifRight, K + 1);
    const wrongSums = rowSums(ifWrong, K + 1);
    let expected = 0;
    // j < K: it says what group j says. K: something new. K + 1: nothing.
    for (let j = 0; j <= K + 1; j++) {
      const factors = new Float64Array(K + 1);
      let sum = j === K ? (rightSums[K] as number) : 0;
      let most = sum;
      for (let k = 0; k <= K; k++) {
        const seated = answered - (k < K ? (sizes[k] as number) : 0);
        const joins = j === K ? model.scatter : (sizes[j] as number);
        const factor = j > K ? quiet : ((1 - quiet) * joins) / (seated + model.scatter);
        factors[k] = factor;
        const weight = j === k && k < K ? (rightSums[k] as number) : (wrongSums[k] as number) * factor;
        sum += weight;
        if (k < K && weight > most) most = weight;
      }
      // After the last call only the likeliest group matters; what hardly happens is not thought on.
      if (depth === 1 || sum < NEGLIGIBLE * total) {
        expected += most / total;
        continue;
      }
      const grown = masks.map((mask, k) => (k === j ? mask | (1 << i) : mask));
      if (j === K) grown.push(1 << i);
      const order = [...grown.keys()].sort((a, b) => (grown[a] as number) - (grown[b] as number));
      const next = new Float64Array((grown.length + 1) * LEVELS);
      order.push(grown.length);
      order.forEach((from, to) => {
        // The new group was none of the old ones; the last row stays none.
        const source = from >= K ? K : from;
        const isRight = j < K ? from === j : j === K && from === K;
        const weights = isRight ? ifRight : ifWrong;
        const factor = isRight ? 1 : (factors[source] as number);
        for (let g = 0; g < LEVELS; g++) next[to * LEVELS + g] = (weights[source * LEVELS + g] as number) * factor;
      });
      order.pop();
      const point = think(
        order.map((k) => grown[k] as number),
        j > K ? silent | (1 << i) : silent,
        next,
        depth - 1,
        key,
      );
      expected += (sum / total) * point.value;
    }
    return expected;
  }

  return {
    prospect(standing) {
      const encoded = encode({ ...standing, truth: { unknown: true } }, indexOf);
      const masks = encoded.groups.map((group) => group.reduce((mask, i) => mask | (1 << i), 0));
      const silent = encoded.silent.reduce((mask, i) => mask | (1 << i), 0);
      const id = `${standing.bucket} ${masks.join()};${silent}`;
      const known = standings.get(id);
      if (known !== undefined) return known;
      // Groups of adapters that the model does not know cannot be weighed, but keep their place.
      const order = [...masks.keys()]
        .filter((k) => masks[k] !== 0)
        .sort((a, b) => (masks[a] as number) - (masks[b] as number));
      const groups = order.map((k) => encoded.groups[k] as readonly number[]);
      const rows = joint(model, { ...encoded, groups, possible: [] });
      const called = masks.reduce((sum, mask) => sum + bits(mask), bits(silent));
      const depth = Math.max(0, maxCalls - called);
      const sorted = order.map((k) => masks[k] as number);
      const thought = think(sorted, silent, rows, depth, `${standing.bucket} `).prospect;
      const right = masks.map(() => 0);
      order.forEach((k, place) => {
        right[k] = thought.right[place] ?? 0;
      });
      const leading = thought.leading < 0 ? (masks.length > 0 ? 0 : -1) : (order[thought.leading] as number);
      const prospect = { ...thought, right, leading };
      standings.set(id, prospect);
      return prospect;
    },
    get size() {
      return points.size;
    },
  };
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function rowSums(rows: Float64Array, count: number): Float64Array {
  const sums = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    let sum = 0;
    for (let g = 0; g < LEVELS; g++) sum += rows[k * LEVELS + g] as number;
    sums[k] = sum;
  }
  return sums;
}

/** The adapters worth a thought: those that can be asked and that fewest others beat in both price and chance. */
function poolOf(model: DifficultyModel, prices: readonly number[]): readonly number[] {
  const can = [...prices.keys()].filter((i) => Number.isFinite(prices[i]));
  if (can.length <= MAX_POOL) return can;
  const chance = (i: number): number => {
    let sum = 0;
    for (let g = 0; g < LEVELS; g++) sum += (model.spread[g] as number) * (model.right[i * LEVELS + g] as number);
    return sum;
  };
  const chances = new Map(can.map((i) => [i, chance(i)]));
  const beaten = (i: number): number =>
    can.filter((j) => {
      const [own, other] = [chances.get(i) ?? 0, chances.get(j) ?? 0];
      return j !== i && (prices[j] as number) <= (prices[i] as number) && other > own;
    }).length;
  return can
    .map((i) => ({ i, beaten: beaten(i) }))
    .sort((a, b) => a.beaten - b.beaten || (chances.get(b.i) ?? 0) - (chances.get(a.i) ?? 0))
    .slice(0, MAX_POOL)
    .map(({ i }) => i);
}
