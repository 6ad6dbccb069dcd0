import { readFileSync, writeFileSync } from "node:fs";
import { projectFile } from "../harness/children.js";
import type { Report } from "../harness/report.js";
import { median } from "../harness/stats.js";
import { figures, withFigures } from "../router/page.js";
import { picture } from "./picture.js";
import { loads } from "./sweep.js";
import type { Run, Sweep } from "./sweep.js";
import { meanMs, ttlMs } from "./trace.js";

const names: Readonly<Record<string, string>> = {
  ours: "lanes",
  fifo: "FIFO",
  "fifo+limit": "FIFO, rate limit",
  strict: "strict priority",
  none: "no control",
};

/** Writes the figures and a table for each load into the page, and the picture beside it; returns their paths. */
export function writeLanesPage(run: Report, sweeps: readonly Sweep[]): readonly string[] {
  const page = projectFile("docs/benchmarks/lanes.md");
  const text = `${figures(run)}\n\n${loads.map((load) => table(load, sweeps)).join("\n\n")}`;
  writeFileSync(page, withFigures(readFileSync(page, "utf8"), text));
  const drawing = projectFile("docs/benchmarks/lanes.svg");
  const lines = Object.entries(names).map(([name, shown]) => ({
    name: shown,
    points: loads.map((load) => ({ load, p95: middle(sweeps, name, load, (r) => r.goldP95) / meanMs })),
  }));
  writeFileSync(drawing, picture(lines, ttlMs / meanMs));
  return [page, drawing];
}

function middle(sweeps: readonly Sweep[], name: string, load: number, value: (run: Run) => number): number {
  return median(
    sweeps.flatMap(({ runs }) => (runs[name] ?? []).filter((run) => run.load === load).map((run) => value(run))),
  );
}

function table(load: number, sweeps: readonly Sweep[]): string {
  const rows = Object.entries(names).map(([name, shown]) => {
    const of = (value: (run: Run) => number): number => middle(sweeps, name, load, value);
    const calls = (ms: number): string => (Number.isFinite(ms) ? (ms / meanMs).toFixed(2) : "late");
    const success = (["gold", "silver", "bronze"] as const).map((lane) => of((r) => r.success[lane]).toFixed(3));
    return `| ${shown} | ${of((r) => r.goodput).toFixed(3)} | ${calls(of((r) => r.goldP50))} | ${calls(of((r) => r.goldP95))} | ${success.join(" | ")} | ${of((r) => r.wasted).toFixed(3)} |`;
  });
  return [
    `At ${load} times the capacity (medians over the seeds; latencies in mean calls):`,
    "",
    "| scheduler | goodput | gold p50 | gold p95 | gold in time | silver | bronze | wasted |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}
