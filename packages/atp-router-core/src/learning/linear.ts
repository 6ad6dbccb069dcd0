/** Solving symmetric positive definite systems: ridge regression, with Gram matrices shared between many right sides. */

/**
 * Factors `a + ridge * I = L L'` in place of a copy (Cholesky). A pivot that rounding made too small is lifted, so that a feature
 * that never varies gets the weight 0 rather than a division by zero.
 *
 * @param a `size * size` numbers, of which the lower triangle is read
 */
export function cholesky(a: Float64Array, size: number, ridge: number): Float64Array {
  const l = Float64Array.from(a);
  for (let i = 0; i < size; i++) l[i * size + i] = (l[i * size + i] as number) + ridge;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = l[i * size + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * size + k] as number) * (l[j * size + k] as number);
      if (i === j) l[i * size + i] = Math.sqrt(Math.max(sum, 1e-10));
      else l[i * size + j] = sum / (l[j * size + j] as number);
    }
  }
  return l;
}

/** Solves `L L' x = b` for a factor from `cholesky`. */
export function solve(l: Float64Array, size: number, b: Float64Array): Float64Array {
  const x = Float64Array.from(b);
  for (let i = 0; i < size; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= (l[i * size + k] as number) * (x[k] as number);
    x[i] = sum / (l[i * size + i] as number);
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let k = i + 1; k < size; k++) sum -= (l[k * size + i] as number) * (x[k] as number);
    x[i] = sum / (l[i * size + i] as number);
  }
  return x;
}

/** Adds `x x'` to the lower triangle of a Gram matrix, where `x` is `size` numbers of `values` from `at` on. */
export function addOuter(gram: Float64Array, size: number, values: Float64Array, at: number, weight = 1): void {
  for (let i = 0; i < size; i++) {
    const xi = weight * (values[at + i] as number);
    if (xi === 0) continue;
    const row = i * size;
    for (let j = 0; j <= i; j++) gram[row + j] = (gram[row + j] as number) + xi * (values[at + j] as number);
  }
}
