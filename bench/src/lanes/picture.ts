/** A line of the picture: gold's p95 in mean calls, by load. */
export interface Line {
  readonly name: string;
  readonly points: readonly { readonly load: number; readonly p95: number }[];
}

const colours = ["#1b6ca8", "#c8553d", "#e09f3e", "#4c956c", "#8d5a97"];
const [width, height, left, top] = [720, 400, 60, 20];
const [plotWidth, plotHeight] = [width - left - 170, height - top - 50];
/** Logarithmic upwards: from one mean call to the deadline, and above it what was not answered in time. */
const [least, most] = [1, 40];
const [from, to] = [0.5, 5];

const x = (load: number): string => (left + (Math.log(load / from) / Math.log(to / from)) * plotWidth).toFixed(1);
const y = (p95: number): string => {
  const shown = Math.max(least, Math.min(most, p95));
  return (top + (1 - Math.log(shown / least) / Math.log(most / least)) * plotHeight).toFixed(1);
};

/** Gold's p95 against load as SVG. @param deadline in mean calls */
export function picture(lines: readonly Line[], deadline: number): string {
  const grid: string[] = [];
  for (const p95 of [1, 2, 5, 10, deadline])
    grid.push(
      `<line x1="${left}" x2="${left + plotWidth}" y1="${y(p95)}" y2="${y(p95)}" stroke="${p95 === deadline ? "#444" : "#ddd"}"/>`,
      `<text x="${left - 8}" y="${y(p95)}" dy="4" text-anchor="end">${p95}</text>`,
    );
  grid.push(`<text x="${left - 8}" y="${y(most)}" dy="8" text-anchor="end">late</text>`);
  for (const load of [0.5, 1, 2, 3, 5])
    grid.push(
      `<line x1="${x(load)}" x2="${x(load)}" y1="${top}" y2="${top + plotHeight}" stroke="${load === 1 ? "#444" : "#eee"}"/>`,
      `<text x="${x(load)}" y="${top + plotHeight + 18}" text-anchor="middle">${load}</text>`,
    );
  const drawn = lines.map(({ name, points }, i) => {
    const colour = colours[i % colours.length] ?? "#000";
    const label = top + 16 + i * 20;
    return [
      `<polyline points="${points.map((p) => `${x(p.load)},${y(p.p95)}`).join(" ")}" fill="none" stroke="${colour}" stroke-width="${i === 0 ? 3 : 2}"/>`,
      ...points.map((p) => `<circle cx="${x(p.load)}" cy="${y(p.p95)}" r="3" fill="${colour}"/>`),
      `<line x1="${left + plotWidth + 16}" x2="${left + plotWidth + 36}" y1="${label}" y2="${label}" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${left + plotWidth + 42}" y="${label + 4}">${name}</text>`,
    ].join("\n");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<title>95th percentile of gold's latency against load</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...grid,
    ...drawn,
    `<text x="${left + plotWidth / 2}" y="${height - 8}" text-anchor="middle">offered work, in what the slots can do</text>`,
    `<text transform="translate(16 ${top + plotHeight / 2}) rotate(-90)" text-anchor="middle">gold's p95, in mean calls</text>`,
    "</svg>",
    "",
  ].join("\n");
}
