/** A function with its gradient: writes the gradient into `gradient` and returns the value. */
export type Objective = (at: Float64Array, gradient: Float64Array) => number;

const MEMORY = 8;

/**
 * Minimises a smooth convex function by L-BFGS (Nocedal 1980) with a halving line search. Ends after `iterations`, or when a step
 * gains less than `tolerance` of the value.
 */
export function minimise(
  objective: Objective,
  start: Float64Array,
  iterations: number,
  tolerance = 1e-7,
): Float64Array {
  const n = start.length;
  let x = Float64Array.from(start);
  let gradient = new Float64Array(n);
  let value = objective(x, gradient);
  const steps: Float64Array[] = [];
  const changes: Float64Array[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const direction = downhill(gradient, steps, changes);
    let slope = inner(direction, gradient);
    if (!(slope < 0)) {
      // The memory misleads: start again from the steepest descent.
      steps.length = changes.length = 0;
      for (let i = 0; i < n; i++) direction[i] = -(gradient[i] as number);
      slope = inner(direction, gradient);
    }
    if (slope > -1e-14) return x;
    let step = steps.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
    let found = false;
    const next = new Float64Array(n);
    const nextGradient = new Float64Array(n);
    let nextValue = value;
    for (let halvings = 0; halvings < 30 && !found; halvings++, step /= 2) {
      for (let i = 0; i < n; i++) next[i] = (x[i] as number) + step * (direction[i] as number);
      nextValue = objective(next, nextGradient);
      found = nextValue <= value + 1e-4 * step * slope;
    }
    if (!found) return x;
    const moved = new Float64Array(n);
    const changed = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      moved[i] = (next[i] as number) - (x[i] as number);
      changed[i] = (nextGradient[i] as number) - (gradient[i] as number);
    }
    if (inner(moved, changed) > 1e-12) {
      steps.push(moved);
      changes.push(changed);
      if (steps.length > MEMORY) {
        steps.shift();
        changes.shift();
      }
    }
    const gained = value - nextValue;
    x = next;
    gradient = nextGradient;
    value = nextValue;
    if (gained <= tolerance * Math.abs(value)) return x;
  }
  return x;
}

function downhill(
  gradient: Float64Array,
  steps: readonly Float64Array[],
  changes: readonly Float64Array[],
): Float64Array {
  const q = Float64Array.from(gradient);
  const alphas: number[] = [];
  for (let k = steps.length - 1; k >= 0; k--) {
    const s = steps[k] as Float64Array;
    const y = changes[k] as Float64Array;
    const alpha = inner(s, q) / inner(s, y);
    alphas[k] = alpha;
    for (let i = 0; i < q.length; i++) q[i] = (q[i] as number) - alpha * (y[i] as number);
  }
  const s = steps.at(-1);
  const y = changes.at(-1);
  const scale = s === undefined || y === undefined ? 1 : inner(s, y) / inner(y, y);
  for (let i = 0; i < q.length; i++) q[i] = (q[i] as number) * scale;
  for (let k = 0; k < steps.length; k++) {
    const one = steps[k] as Float64Array;
    const beta = inner(changes[k] as Float64Array, q) / inner(one, changes[k] as Float64Array);
    for (let i = 0; i < q.length; i++) q[i] = (q[i] as number) + ((alphas[k] as number) - beta) * (one[i] as number);
  }
  for (let i = 0; i < q.length; i++) q[i] = -(q[i] as number);
  return q;
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
