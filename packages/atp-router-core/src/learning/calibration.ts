/** Labels before the stages of a calibrator: a pooled temperature, Platt's scaling, isotonic regression. */
const PLATT_FROM = 50;
const ISOTONIC_FROM = 200;
const ISOTONIC_EVERY = 50;
/** Labels that are kept for a fit and for the error. */
const KEPT = 1_000;
const BINS = 10;
/** Error over which a calibrated chance is no longer believed as it stands. */
const DISTRUST = 0.1;

const clip = (p: number): number => (p > 0 ? Math.min(0.999, Math.max(0.001, p)) : 0.001);
const logit = (p: number): number => Math.log(clip(p) / (1 - clip(p)));
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** A chance that was told, and whether it came true. */
export interface Label {
  readonly told: number;
  readonly right: boolean;
}

/** One step of an isotonic fit: chances up to `to` came true in `value` of the cases. */
interface Step {
  readonly to: number;
  readonly value: number;
}

/** A calibrator of one adapter in one task. Plain data. */
export interface Calibrator {
  /** The latest labels, and what was told in the calibrated form when each came. */
  labels: { readonly told: number; readonly calibrated: number; readonly right: boolean }[];
  seen: number;
  /** `logistic(slope * logit(p) + offset)`. */
  slope: number;
  offset: number;
  steps: readonly Step[];
  fittedAt: number;
}

/** A calibrator that changes nothing yet. */
export function newCalibrator(): Calibrator {
  return { labels: [], seen: 0, slope: 1, offset: 0, steps: [], fittedAt: 0 };
}

/**
 * A confidence as the chance that it has proved to be. Below 50 labels a temperature, below 200 Platt's scaling, from then on isotonic
 * regression between the middles of its steps.
 */
export function calibrated(c: Calibrator, told: number): number {
  if (c.steps.length === 0) return logistic(c.slope * logit(told) + c.offset);
  const p = clip(told);
  let before: Step | undefined;
  for (const step of c.steps) {
    if (p <= step.to) {
      if (before === undefined) return step.value;
      return before.value + ((p - before.to) / Math.max(1e-9, step.to - before.to)) * (step.value - before.value);
    }
    before = step;
  }
  return before?.value ?? p;
}

/** A confidence for decisions: less than calibrated by the error, while the error is large. */
export function trusted(c: Calibrator, told: number): number {
  const p = calibrated(c, told);
  const error = calibrationError(c);
  return error > DISTRUST ? Math.max(0, p - error) : p;
}

/** One verdict on a confidence. Confidences out of range are taken for the nearest end. */
export function learnLabel(c: Calibrator, { told, right }: Label): void {
  c.labels.push({ told: clip(told), calibrated: calibrated(c, told), right });
  if (c.labels.length > KEPT) c.labels.shift();
  c.seen++;
  if (c.seen < ISOTONIC_FROM) fitScale(c);
  else if (c.seen === ISOTONIC_FROM || c.seen - c.fittedAt >= ISOTONIC_EVERY) {
    c.steps = isotonic(c.labels);
    c.fittedAt = c.seen;
  }
}

/** Two Newton steps of Platt's scaling, with priors that make it the identity without labels; below 50 the slope alone. */
function fitScale(c: Calibrator): void {
  for (let step = 0; step < 2; step++) {
    let [bySlope, byOffset] = [-10 * (c.slope - 1), -2 * c.offset];
    let [ss, so, oo] = [10, 0, 2];
    for (const { told, right } of c.labels) {
      const x = logit(told);
      const p = logistic(c.slope * x + c.offset);
      const miss = (right ? 1 : 0) - p;
      const w = p * (1 - p);
      bySlope += miss * x;
      byOffset += miss;
      ss += w * x * x;
      so += w * x;
      oo += w;
    }
    if (c.seen < PLATT_FROM) {
      c.slope = Math.max(0.05, c.slope + Math.max(-1, Math.min(1, bySlope / ss)));
      continue;
    }
    const det = ss * oo - so * so;
    c.slope = Math.max(0.05, c.slope + Math.max(-1, Math.min(1, (bySlope * oo - byOffset * so) / det)));
    c.offset += Math.max(-1, Math.min(1, (byOffset * ss - bySlope * so) / det));
  }
}

/** Isotonic regression by pooling adjacent violators, each pool drawn towards the mean of all by two labels' worth. */
function isotonic(labels: readonly Label[]): readonly Step[] {
  const sorted = [...labels].sort((a, b) => a.told - b.told);
  const overall = sorted.filter(({ right }) => right).length / sorted.length;
  const pools: { right: number; n: number; told: number }[] = [];
  const value = (p: { right: number; n: number }): number => (p.right + 2 * overall) / (p.n + 2);
  // Pools begin with the labels of one bin: a pool of one label is noise, not a step.
  const size = Math.max(1, Math.ceil(sorted.length / (2 * BINS)));
  let to = 0;
  for (let from = 0; from < sorted.length; from = to) {
    to = Math.min(sorted.length, from + size);
    // Alike confidences belong together.
    while (to < sorted.length && sorted[to]?.told === sorted[to - 1]?.told) to++;
    const bin = sorted.slice(from, to);
    pools.push({
      right: bin.filter(({ right }) => right).length,
      n: bin.length,
      told: bin.reduce((sum, { told }) => sum + told, 0),
    });
    for (;;) {
      const last = pools.at(-1);
      const before = pools.at(-2);
      if (last === undefined || before === undefined || value(before) <= value(last)) break;
      pools.splice(-2, 2, { right: before.right + last.right, n: before.n + last.n, told: before.told + last.told });
    }
  }
  return pools.map((pool) => ({ to: pool.told / pool.n, value: value(pool) }));
}

/**
 * The expected calibration error over equal-mass bins: of what was told (`raw`), or of what was told calibrated at that time, which is
 * an honest error since no label is judged by a fit that has seen it. 0 without labels.
 */
export function calibrationError(c: Calibrator, of: "raw" | "calibrated" = "calibrated"): number {
  const told = (l: Calibrator["labels"][number]): number => (of === "raw" ? l.told : l.calibrated);
  return expectedCalibrationError(c.labels.map((l) => ({ told: told(l), right: l.right })));
}

/** The same of any labels: the mean distance of a bin's told chance from its outcome, by the bins' sizes. */
export function expectedCalibrationError(labels: readonly Label[], bins = BINS): number {
  if (labels.length === 0) return 0;
  const sorted = [...labels].sort((a, b) => a.told - b.told);
  let error = 0;
  for (let b = 0; b < bins; b++) {
    const bin = sorted.slice(Math.floor((b * sorted.length) / bins), Math.floor(((b + 1) * sorted.length) / bins));
    let distance = 0;
    for (const { told, right } of bin) distance += told - (right ? 1 : 0);
    error += Math.abs(distance);
  }
  return error / sorted.length;
}

/** The mean squared distance of told chances from outcomes. */
export function brierScore(labels: readonly Label[]): number {
  return labels.reduce((sum, { told, right }) => sum + (told - (right ? 1 : 0)) ** 2, 0) / Math.max(1, labels.length);
}
