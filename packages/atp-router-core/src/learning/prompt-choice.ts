import { promptShape } from "./prompt-shape.js";
import { randomOf } from "./outcomes.js";

/**
 * How much better a stronger adapter would be than a weaker one, by the prompt alone: ridge regression with the sum of three
 * kernels, written as features so that it is fitted in linear time. Words and pairs of words, hashed (Weinberger 2009), of length
 * one together; the category; and a Gaussian kernel on the prompt's shape by random Fourier features (Rahimi 2007).
 */
export interface PromptChoice {
  /** A power of two. */
  readonly buckets: number;
  /** Empty: words do not matter. */
  readonly words: readonly number[];
  readonly wordScale: number;
  readonly categories: Readonly<Record<string, number>>;
  readonly shapeMean: readonly number[];
  readonly shapeDeviation: readonly number[];
  readonly shapeWeights: readonly number[];
  /** The random directions come from this seed. */
  readonly seed: number;
  readonly categoryScale: number;
  readonly shapeScale: number;
  readonly constant: number;
}

/** How a choice is fitted. */
export interface PromptChoiceOptions {
  /** Weight of the category's kernel. */
  readonly category: number;
  /** Weight of the shape's kernel. */
  readonly shape: number;
  readonly ridge: number;
  /** Weight of the words' kernel; 0 leaves words out. @default 1 */
  readonly words?: number;
  /** @default 8192 */
  readonly buckets?: number;
}

/** Random Fourier features of the shape. */
const WAVES = 256;
const ITERATIONS = 60;

/** One prompt as features: sparse words, and dense waves. */
interface Encoded {
  readonly at: Int32Array;
  readonly value: Float64Array;
  readonly category: string;
  readonly shape: readonly number[];
}

function encode(text: string, category: string, buckets: number): Encoded {
  const words =
    text
      .slice(0, 20_000)
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  const counts = new Map<number, number>();
  const add = (hash: number): void => {
    const bucket = (hash ^ (hash >>> 15)) & (buckets - 1);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  };
  let before = 0;
  for (const word of words) {
    let hash = 0x811c9dc5;
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
    add(Math.imul(hash, 0x85ebca6b));
    if (before !== 0) add(Math.imul(hash ^ Math.imul(before, 0x9e3779b1), 0xc2b2ae35));
    before = hash;
  }
  const value = Float64Array.from(counts.values(), (count) => Math.log(1 + count));
  let norm = 0;
  for (const one of value) norm += one * one;
  norm = Math.sqrt(norm);
  if (norm > 0) for (let i = 0; i < value.length; i++) value[i] = (value[i] as number) / norm;
  return { at: Int32Array.from(counts.keys()), value, category, shape: promptShape(text) };
}

/** Directions and phases of the waves. @param deviation of each feature; one that never varies is no dimension */
function waves(
  deviation: readonly number[],
  seed: number,
): { readonly direction: Float64Array; readonly phase: Float64Array } {
  const width = deviation.length;
  const dimensions = Math.max(1, deviation.filter((d) => d > 0).length);
  const random = randomOf(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  // A bandwidth of the root of the number of features: typical prompts are then neither all alike nor all unlike.
  const direction = Float64Array.from({ length: WAVES * width }, () => normal() / Math.sqrt(dimensions));
  return { direction, phase: Float64Array.from({ length: WAVES }, () => 2 * Math.PI * random()) };
}

function waveFeatures(
  shape: readonly number[],
  mean: readonly number[],
  deviation: readonly number[],
  { direction, phase }: ReturnType<typeof waves>,
  scale: number,
): Float64Array {
  const width = mean.length;
  const out = new Float64Array(WAVES);
  for (let w = 0; w < WAVES; w++) {
    let angle = phase[w] as number;
    for (let i = 0; i < width; i++) {
      const d = deviation[i] as number;
      const z = d > 0 ? Math.min(4, Math.max(-4, ((shape[i] ?? 0) - (mean[i] as number)) / d)) : 0;
      angle += (direction[w * width + i] as number) * z;
    }
    out[w] = scale * Math.sqrt(2 / WAVES) * Math.cos(angle);
  }
  return out;
}

/** Prompts prepared for fits with several options. */
export interface PromptSet {
  readonly encoded: readonly Encoded[];
  readonly buckets: number;
}

/** Reads prompts once. */
export function promptSet(
  prompts: readonly { readonly text: string; readonly category?: string }[],
  buckets = 8_192,
): PromptSet {
  return {
    buckets,
    encoded: prompts.map(({ text, category }) => encode(text, category ?? "", buckets)),
  };
}

/**
 * Fits the gap between two adapters (1 when only the stronger is right, -1 when only the weaker is, else 0) on some rows, by
 * conjugate gradients on the normal equations.
 */
export function fitPromptChoice(
  set: PromptSet,
  rows: Int32Array,
  gap: ArrayLike<number>,
  options: PromptChoiceOptions,
): PromptChoice {
  const { buckets, encoded } = set;
  const width = encoded[0]?.shape.length ?? 0;
  const mean = new Array<number>(width).fill(0);
  const square = new Array<number>(width).fill(0);
  let constant = 0;
  for (const row of rows) {
    constant += (gap[row] as number) / rows.length;
    const { shape } = encoded[row] as Encoded;
    for (let i = 0; i < width; i++) {
      mean[i] = (mean[i] as number) + (shape[i] as number) / rows.length;
      square[i] = (square[i] as number) + (shape[i] as number) ** 2 / rows.length;
    }
  }
  const deviation = mean.map((m, i) => Math.sqrt(Math.max(0, (square[i] as number) - m * m)));
  const seed = 7;
  const drawn = waves(deviation, seed);
  const shapeScale = Math.sqrt(options.shape);
  const categoryScale = Math.sqrt(options.category);
  const wordScale = Math.sqrt(options.words ?? 1);
  const names = [...new Set(Array.from(rows, (row) => (encoded[row] as Encoded).category))]
    .filter((name) => name !== "")
    .sort();
  const dense = Array.from(rows, (row) =>
    waveFeatures((encoded[row] as Encoded).shape, mean, deviation, drawn, shapeScale),
  );
  const category = Array.from(rows, (row) => names.indexOf((encoded[row] as Encoded).category));
  const size = buckets + names.length + WAVES;
  const wavesAt = buckets + names.length;
  const times = (theta: Float64Array, r: number): number => {
    const { at, value } = encoded[rows[r] as number] as Encoded;
    let sum = 0;
    if (wordScale > 0)
      for (let i = 0; i < at.length; i++) sum += wordScale * (theta[at[i] as number] as number) * (value[i] as number);
    const c = category[r] as number;
    if (c >= 0) sum += categoryScale * (theta[buckets + c] as number);
    const waved = dense[r] as Float64Array;
    for (let i = 0; i < WAVES; i++) sum += (theta[wavesAt + i] as number) * (waved[i] as number);
    return sum;
  };
  const add = (out: Float64Array, r: number, amount: number): void => {
    const { at, value } = encoded[rows[r] as number] as Encoded;
    if (wordScale > 0)
      for (let i = 0; i < at.length; i++)
        out[at[i] as number] = (out[at[i] as number] as number) + amount * wordScale * (value[i] as number);
    const c = category[r] as number;
    if (c >= 0) out[buckets + c] = (out[buckets + c] as number) + amount * categoryScale;
    const waved = dense[r] as Float64Array;
    for (let i = 0; i < WAVES; i++) out[wavesAt + i] = (out[wavesAt + i] as number) + amount * (waved[i] as number);
  };
  const right = new Float64Array(size);
  for (let r = 0; r < rows.length; r++) add(right, r, (gap[rows[r] as number] as number) - constant);
  const theta = conjugateGradients((v, out) => {
    for (let i = 0; i < size; i++) out[i] = options.ridge * (v[i] as number);
    for (let r = 0; r < rows.length; r++) add(out, r, times(v, r));
  }, right);
  return {
    buckets,
    words: wordScale > 0 ? Array.from(theta.subarray(0, buckets)) : [],
    wordScale,
    categories: Object.fromEntries(names.map((name, i) => [name, theta[buckets + i] as number])),
    shapeMean: mean,
    shapeDeviation: deviation,
    shapeWeights: Array.from(theta.subarray(wavesAt)),
    seed,
    categoryScale,
    shapeScale,
    constant,
  };
}

/** Solves `A x = b` for a symmetric positive definite operator. */
export function conjugateGradients(times: (v: Float64Array, out: Float64Array) => void, b: Float64Array): Float64Array {
  const n = b.length;
  const x = new Float64Array(n);
  const r = Float64Array.from(b);
  const p = Float64Array.from(b);
  const ap = new Float64Array(n);
  const inner = (a: Float64Array, c: Float64Array): number =>
    a.reduce((sum, value, i) => sum + value * (c[i] as number), 0);
  let rr = inner(r, r);
  const enough = rr * 1e-10;
  for (let k = 0; k < ITERATIONS && rr > enough; k++) {
    times(p, ap);
    const alpha = rr / inner(p, ap);
    for (let i = 0; i < n; i++) {
      x[i] = (x[i] as number) + alpha * (p[i] as number);
      r[i] = (r[i] as number) - alpha * (ap[i] as number);
    }
    const next = inner(r, r);
    for (let i = 0; i < n; i++) p[i] = (r[i] as number) + (next / rr) * (p[i] as number);
    rr = next;
  }
  return x;
}

/** The expected gap for prompts of a set. */
export function gapsOf(model: PromptChoice, set: PromptSet, rows: Int32Array): Float64Array {
  const drawn = waves(model.shapeDeviation, model.seed);
  return Float64Array.from(rows, (row) => {
    const { at, value, category, shape } = set.encoded[row] as Encoded;
    let gap = model.constant;
    if (model.wordScale > 0)
      for (let i = 0; i < at.length; i++)
        gap += model.wordScale * (model.words[at[i] as number] as number) * (value[i] as number);
    if (Object.hasOwn(model.categories, category)) gap += model.categoryScale * (model.categories[category] ?? 0);
    const waved = waveFeatures(shape, model.shapeMean, model.shapeDeviation, drawn, model.shapeScale);
    for (let i = 0; i < WAVES; i++) gap += (model.shapeWeights[i] as number) * (waved[i] as number);
    return gap;
  });
}
