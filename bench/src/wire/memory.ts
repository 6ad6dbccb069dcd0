/**
 * Bytes of this process's heap that something still holds.
 * @throws Error when it was started without `--expose-gc`
 */
export function heapBytes(): number {
  const { gc } = globalThis as { readonly gc?: () => void };
  if (gc === undefined) throw new Error("start this program with --expose-gc");
  // What the first collection finalises, the second one frees.
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}
