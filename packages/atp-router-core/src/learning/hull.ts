/** What something costs and what it brings. */
export interface CostPoint {
  readonly usdMicros: number;
  readonly accuracy: number;
}

/**
 * The points that no mix of two others beats: the upper concave hull, from cheap to dear, up to the most accurate. Mixing two
 * neighbours reaches everything between them.
 */
export function concaveHull<P extends CostPoint>(points: readonly P[]): P[] {
  const sorted = [...points].sort((a, b) => a.usdMicros - b.usdMicros || b.accuracy - a.accuracy);
  const hull: P[] = [];
  for (const point of sorted) {
    const last = hull.at(-1);
    if (last !== undefined && point.accuracy <= last.accuracy) continue;
    if (last !== undefined && point.usdMicros <= last.usdMicros) continue;
    for (;;) {
      const [a, b] = hull.slice(-2);
      if (a === undefined || b === undefined || slope(a, b) > slope(b, point)) break;
      hull.pop();
    }
    hull.push(point);
  }
  return hull;
}

/** What one more micro-dollar brings between two points. */
export function slope(from: CostPoint, to: CostPoint): number {
  return (to.accuracy - from.accuracy) / (to.usdMicros - from.usdMicros);
}
