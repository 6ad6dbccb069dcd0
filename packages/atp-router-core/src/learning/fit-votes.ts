import { minimise } from "./minimise.js";
import { featureScale, randomOf, scaledPrompts } from "./outcomes.js";
import type { Outcomes } from "./outcomes.js";
import type { VoteModel } from "./vote-model.js";

/** What the votes may depend on, and how strongly weights are held near 0. */
export interface FitVotesOptions {
  readonly prompt: boolean;
  readonly length: boolean;
  readonly pairs: boolean;
  /** Random sets of adapters for each question, beside the full set. One model must serve every set that a policy may have asked. @default 16 */
  readonly subsets?: number;
  /** Weight of the full set, against 1 shared by all random ones. @default 0.1 */
  readonly fullShare?: number;
  /** L2 on votes. @default 3 */
  readonly ridge?: number;
  /** L2 on weights of prompt features. @default 30 */
  readonly promptRidge?: number;
  /** L2 on pair terms. @default 10 */
  readonly pairRidge?: number;
  /** @default 80 */
  readonly iterations?: number;
  readonly seed?: number;
}

/** Where each part of the model lies in the list of parameters. */
interface Layout {
  readonly weight: number;
  readonly dissent: number;
  readonly silent: number;
  readonly size: number;
  readonly none: number;
  readonly pairs: number;
  readonly length: number;
  readonly prompt: number;
  readonly nonePrompt: number;
  readonly total: number;
}

function layoutOf(adapters: number, features: number, options: FitVotesOptions): Layout {
  const pairs = 3 * adapters + 7;
  const length = pairs + (options.pairs ? (adapters * (adapters - 1)) / 2 : 0);
  const prompt = length + (options.length ? 2 * adapters : 0);
  const nonePrompt = prompt + (options.prompt ? adapters * features : 0);
  const total = nonePrompt + (options.prompt ? features : 0);
  const [weight, dissent, silent, size, none] = [0, adapters, 2 * adapters, 3 * adapters, 3 * adapters + 3];
  return { weight, dissent, silent, size, none, pairs, length, prompt, nonePrompt, total };
}

/** Sets of adapters to learn from: of every size, and more often of cheap ones, which are what a cascade has asked. */
function drawMasks(adapters: number, cheapFirst: readonly number[], count: number, random: () => number): Int32Array {
  const masks = new Int32Array(count);
  for (let k = 0; k < count; k++) {
    const size = 1 + Math.floor(random() * (adapters - 1));
    const biased = random() < 0.6;
    let mask = 0;
    let chosen = 0;
    while (chosen < size) {
      const rank = biased ? Math.floor(random() * random() * adapters) : Math.floor(random() * adapters);
      const bit = 1 << (cheapFirst[rank] as number);
      if ((mask & bit) !== 0) continue;
      mask |= bit;
      chosen++;
    }
    masks[k] = mask;
  }
  return masks;
}

/** Adapters from cheap to dear on these rows. */
export function byPrice(data: Outcomes, rows: ArrayLike<number>): number[] {
  const width = data.adapters.length;
  const cost = new Float64Array(width);
  for (let r = 0; r < rows.length; r++)
    for (let m = 0; m < width; m++)
      cost[m] = (cost[m] as number) + (data.usdMicros[(rows[r] as number) * width + m] as number);
  return [...cost.keys()].sort((a, b) => (cost[a] as number) - (cost[b] as number));
}

/**
 * Fits the conditional logit on outcomes: each question with several random sets of adapters, the right group the target, "none"
 * where no asked adapter was right. Convex, so the fit is the one optimum, whatever the start.
 */
export function fitVotes(data: Outcomes, rows: Int32Array, options: FitVotesOptions): VoteModel {
  const width = data.adapters.length;
  const scale = options.prompt ? featureScale(data, rows) : { mean: [], deviation: [], categories: [] };
  const features = scale.mean.length + scale.categories.length;
  const x = options.prompt ? scaledPrompts(data, scale) : new Float64Array(0);
  const lengths = options.length ? lengthScales(data, rows) : [];
  const at = layoutOf(width, features, options);
  const subsets = options.subsets ?? 16;
  const random = randomOf(options.seed ?? 1);
  const cheapFirst = byPrice(data, rows);
  const masks = Array.from(rows, () => drawMasks(width, cheapFirst, subsets, random));
  const fullShare = options.fullShare ?? 0.1;
  const full = (1 << width) - 1;
  const ridges = new Float64Array(at.total).fill(options.ridge ?? 3);
  ridges.fill(1, at.size, at.none);
  ridges.fill(options.pairRidge ?? 10, at.pairs, at.length);
  ridges.fill(options.promptRidge ?? 30, at.prompt, at.total);

  // Of one question: each adapter's own score and its gradient; of one set: each group's.
  const own = new Float64Array(width);
  const z = new Float64Array(2 * width);
  const ownGradient = new Float64Array(width);
  const scores = new Float64Array(width);
  const sizes = new Float64Array(width);
  const right = new Uint8Array(width);

  let noneGradient = 0;
  /** Minus the log-likelihood of one set, its gradient added. */
  function one(
    mask: number,
    share: number,
    base: number,
    noneOwn: number,
    theta: Float64Array,
    gradient: Float64Array,
  ): number {
    let asked = 0;
    let groups = 0;
    let none = noneOwn;
    scores.fill(0);
    sizes.fill(0);
    right.fill(0);
    for (let m = 0; m < width; m++) {
      if ((mask & (1 << m)) === 0) continue;
      asked++;
      const g = data.group[base + m] as number;
      if (g < 0) {
        none += theta[at.silent + m] as number;
        continue;
      }
      none += theta[at.dissent + m] as number;
      if (sizes[g] === 0) groups++;
      sizes[g] = (sizes[g] as number) + 1;
      scores[g] = (scores[g] as number) + (own[m] as number);
      if (data.correct[base + m] === 1) right[g] = 1;
      if (!options.pairs) continue;
      for (let j = 0; j < m; j++)
        if ((mask & (1 << j)) !== 0 && data.group[base + j] === g)
          scores[g] = scores[g] + (theta[pairAt(j, m)] as number);
    }
    const logAsked = Math.log(asked);
    none +=
      ((theta[at.none + 1] as number) * groups) / 3 +
      (theta[at.none + 2] as number) * logAsked +
      ((theta[at.none + 3] as number) * groups) / asked;
    let highest = none;
    let target = -1;
    for (let g = 0; g < width; g++) {
      const size = sizes[g] as number;
      if (size === 0) continue;
      scores[g] =
        (scores[g] as number) +
        (size === 1 ? (theta[at.size] as number) : 0) +
        (theta[at.size + 1] as number) * Math.log(size) +
        ((theta[at.size + 2] as number) * size) / asked;
      highest = Math.max(highest, scores[g] as number);
      if (right[g] === 1 && (target < 0 || size > (sizes[target] as number))) target = g;
    }
    let total = Math.exp(none - highest);
    for (let g = 0; g < width; g++) if (sizes[g] !== 0) total += Math.exp((scores[g] as number) - highest);
    const logTotal = highest + Math.log(total);
    const noneResidual = share * (Math.exp(none - logTotal) - (target < 0 ? 1 : 0));
    noneGradient += noneResidual;
    const add = (p: number, value: number): void => {
      gradient[p] = (gradient[p] as number) + value;
    };
    add(at.none, noneResidual);
    add(at.none + 1, (noneResidual * groups) / 3);
    add(at.none + 2, noneResidual * logAsked);
    add(at.none + 3, (noneResidual * groups) / asked);
    const result = logTotal - (target < 0 ? none : (scores[target] as number));
    for (let g = 0; g < width; g++) {
      const size = sizes[g] as number;
      if (size === 0) continue;
      // The scores are not needed any more: their residuals take their place.
      const residual = share * (Math.exp((scores[g] as number) - logTotal) - (g === target ? 1 : 0));
      scores[g] = residual;
      if (size === 1) add(at.size, residual);
      else add(at.size + 1, residual * Math.log(size));
      add(at.size + 2, (residual * size) / asked);
    }
    for (let m = 0; m < width; m++) {
      if ((mask & (1 << m)) === 0) continue;
      const g = data.group[base + m] as number;
      if (g < 0) {
        add(at.silent + m, noneResidual);
        continue;
      }
      const residual = scores[g] as number;
      add(at.dissent + m, noneResidual);
      add(at.weight + m, residual);
      ownGradient[m] = (ownGradient[m] as number) + residual;
      if (!options.pairs) continue;
      for (let j = 0; j < m; j++)
        if ((mask & (1 << j)) !== 0 && data.group[base + j] === g) add(pairAt(j, m), residual);
    }
    return result;
  }

  const objective = (theta: Float64Array, gradient: Float64Array): number => {
    let loss = 0;
    for (let i = 0; i < at.total; i++) {
      const value = theta[i] as number;
      loss += 0.5 * (ridges[i] as number) * value * value;
      gradient[i] = (ridges[i] as number) * value;
    }
    for (let r = 0; r < rows.length; r++) {
      const row = rows[r] as number;
      const base = row * width;
      let noneOwn = theta[at.none] as number;
      noneGradient = 0;
      for (let m = 0; m < width; m++) {
        let score = theta[at.weight + m] as number;
        if (options.length) {
          const [mean, deviation] = lengths[m] as readonly [number, number];
          const value = Math.min(
            4,
            Math.max(-4, deviation > 0 ? ((data.logLength[base + m] as number) - mean) / deviation : 0),
          );
          z[2 * m] = value;
          z[2 * m + 1] = Math.max(value - 1, 0);
          score +=
            (theta[at.length + 2 * m] as number) * value +
            (theta[at.length + 2 * m + 1] as number) * (z[2 * m + 1] as number);
        }
        for (let i = 0; i < features; i++)
          score += (theta[at.prompt + m * features + i] as number) * (x[row * features + i] as number);
        own[m] = score;
        ownGradient[m] = 0;
      }
      for (let i = 0; i < features; i++)
        noneOwn += (theta[at.nonePrompt + i] as number) * (x[row * features + i] as number);
      for (let k = 0; k <= subsets; k++) {
        const mask = k === subsets ? full : ((masks[r] as Int32Array)[k] as number);
        const share = k === subsets ? fullShare : (1 - fullShare) / Math.max(1, subsets);
        loss += share * one(mask, share, base, noneOwn, theta, gradient);
      }
      for (let m = 0; m < width; m++) {
        const g = ownGradient[m] as number;
        if (g === 0) continue;
        if (options.length) {
          gradient[at.length + 2 * m] = (gradient[at.length + 2 * m] as number) + g * (z[2 * m] as number);
          gradient[at.length + 2 * m + 1] = (gradient[at.length + 2 * m + 1] as number) + g * (z[2 * m + 1] as number);
        }
        for (let i = 0; i < features; i++) {
          const p = at.prompt + m * features + i;
          gradient[p] = (gradient[p] as number) + g * (x[row * features + i] as number);
        }
      }
      for (let i = 0; i < features; i++) {
        const p = at.nonePrompt + i;
        gradient[p] = (gradient[p] as number) + noneGradient * (x[row * features + i] as number);
      }
    }
    return loss;
  };
  function pairAt(i: number, j: number): number {
    return at.pairs + i * width - (i * (i + 1)) / 2 + (j - i - 1);
  }
  const theta = minimise(objective, new Float64Array(at.total), options.iterations ?? 80, 1e-6);
  const part = (from: number, length: number): number[] => Array.from(theta.subarray(from, from + length));
  const weight = part(at.weight, width);
  return {
    adapters: data.adapters,
    weight,
    dissent: part(at.dissent, width),
    silent: part(at.silent, width),
    prompt: options.prompt ? weight.map((_, m) => part(at.prompt + m * features, features)) : [],
    length: options.length ? weight.map((_, m) => part(at.length + 2 * m, 2)) : [],
    lengthScale: lengths,
    pairs: part(at.pairs, at.length - at.pairs),
    size: part(at.size, 3) as [number, number, number],
    none: part(at.none, 4) as [number, number, number, number],
    nonePrompt: options.prompt ? part(at.nonePrompt, features) : [],
    scale,
    // A stranger is trusted as little as the least trusted.
    unknownWeight: Math.max(0, Math.min(...weight)),
  };
}

function lengthScales(data: Outcomes, rows: Int32Array): (readonly [number, number])[] {
  const width = data.adapters.length;
  return data.adapters.map((_, m) => {
    let sum = 0;
    let square = 0;
    for (const row of rows) {
      const value = data.logLength[row * width + m] as number;
      sum += value;
      square += value * value;
    }
    const mean = sum / Math.max(1, rows.length);
    const deviation = Math.sqrt(Math.max(0, square / Math.max(1, rows.length) - mean * mean));
    return [mean, deviation > 1e-9 ? deviation : 0] as const;
  });
}
