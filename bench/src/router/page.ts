import { readFileSync, writeFileSync } from "node:fs";
import { projectFile } from "../harness/children.js";
import { type Info, met, type Report } from "../harness/report.js";

const start = "<!-- figures: written by the bench, not by hand -->";
const end = "<!-- end of figures -->";

/** The figures of a run as Markdown tables. */
export function figures(run: Report): string {
  const { machine: m } = run;
  const goals = run.goals.map(
    (g) =>
      `| \`${g.id}\` | ${g.what} | **${g.value}** ${g.unit} | ${g.min} to ${g.max} | ${g.op} ${g.target} | ${met(g) ? "met" : "missed"} |`,
  );
  const infos = Object.entries(run.info).map(([id, i]) => `| \`${id}\` | ${i.value} ${i.unit} | ${range(i)} |`);
  return [
    `Run of ${run.at.slice(0, 10)} on ${m.cpu}, ${m.cores} cores, ${m.memoryMb} MB, Linux ${m.kernel}, Node ${m.node}.`,
    `One JSON.parse of a partial took ${run.calibration.jsonParseNs} ns.`,
    "",
    ...(goals.length === 0
      ? []
      : ["| id | what | value | min to max | aim | |", "| --- | --- | --- | --- | --- | --- |", ...goals, ""]),
    "| figure | value | min to max |",
    "| --- | --- | --- |",
    ...infos,
  ].join("\n");
}

function range(i: Info): string {
  return i.rounds > 1 ? `${i.min} to ${i.max}` : "";
}

/**
 * Puts the figures between the two marks of a page.
 * @throws Error when the page lacks a mark
 */
export function withFigures(page: string, text: string): string {
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no lines "${start}" and "${end}"`);
  return `${page.slice(0, from + start.length)}\n${text}\n${page.slice(to)}`;
}

/** Writes a run's figures into its page, `docs/benchmarks/<name>.md`, and returns the page's path. */
export function writePage(run: Report): string {
  const path = projectFile(`docs/benchmarks/${run.name}.md`);
  writeFileSync(path, withFigures(readFileSync(path, "utf8"), figures(run)));
  return path;
}
