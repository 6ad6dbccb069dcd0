/** A line of the picture: accuracy over the always-best model, in points, against cost, in percent of its cost. */
export interface Curve {
  readonly name: string;
  readonly points: readonly {
    readonly cost: number;
    readonly points: number;
    readonly low: number;
    readonly high: number;
  }[];
}

const colours = ["#1b6ca8", "#c8553d", "#4c956c", "#8d5a97", "#e09f3e"];
const [width, height, left, top] = [720, 420, 60, 20];
const [plotWidth, plotHeight] = [width - left - 150, height - top - 50];
const [lowest, highest, widest] = [-12, 6, 115];

const x = (cost: number): string => (left + (Math.min(cost, widest) / widest) * plotWidth).toFixed(1);
const y = (points: number): string =>
  (top + ((highest - Math.max(lowest, Math.min(highest, points))) / (highest - lowest)) * plotHeight).toFixed(1);

/** The accuracy-against-cost picture as SVG. */
export function picture(curves: readonly Curve[]): string {
  const grid: string[] = [];
  for (let p = lowest; p <= highest; p += 2)
    grid.push(
      `<line x1="${left}" x2="${left + plotWidth}" y1="${y(p)}" y2="${y(p)}" stroke="${p === 0 ? "#444" : "#ddd"}"/>`,
      `<text x="${left - 8}" y="${y(p)}" dy="4" text-anchor="end">${p > 0 ? "+" : ""}${p}</text>`,
    );
  for (let c = 0; c <= 100; c += 20)
    grid.push(
      `<line x1="${x(c)}" x2="${x(c)}" y1="${top}" y2="${top + plotHeight}" stroke="${c === 100 ? "#444" : "#eee"}"/>`,
      `<text x="${x(c)}" y="${top + plotHeight + 18}" text-anchor="middle">${c}%</text>`,
    );
  const lines = curves.map(({ name, points }, i) => {
    const colour = colours[i % colours.length] ?? "#000";
    const path = points.map((p) => `${x(p.cost)},${y(p.points)}`).join(" ");
    const band = [
      ...points.map((p) => `${x(p.cost)},${y(p.high)}`),
      ...[...points].reverse().map((p) => `${x(p.cost)},${y(p.low)}`),
    ].join(" ");
    const label = top + 16 + i * 20;
    return [
      `<polygon points="${band}" fill="${colour}" opacity="0.08"/>`,
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points.map((p) => `<circle cx="${x(p.cost)}" cy="${y(p.points)}" r="2.5" fill="${colour}"/>`),
      `<line x1="${left + plotWidth + 16}" x2="${left + plotWidth + 36}" y1="${label}" y2="${label}" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${left + plotWidth + 42}" y="${label + 4}">${name}</text>`,
    ].join("\n");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<title>Accuracy over the always-best model against cost</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...grid,
    ...lines,
    `<text x="${left + plotWidth / 2}" y="${height - 8}" text-anchor="middle">cost, of the always-best model's</text>`,
    `<text transform="translate(16 ${top + plotHeight / 2}) rotate(-90)" text-anchor="middle">points over the always-best model</text>`,
    "</svg>",
    "",
  ].join("\n");
}
