import type { Telemetry, Window } from "atp-client";
import { roleOf } from "./show-plan.js";
import { bar, clip, count, duration, heading, money, safe, table } from "./text.js";
import type { Cell, Style } from "./text.js";

/** What each adapter took, and the totals. */
export function billLines(bill: Telemetry, order: readonly string[], style: Style): string[] {
  const columns = [
    { title: "adapter" },
    { title: "outcome" },
    { title: "in", right: true },
    { title: "out", right: true },
    { title: "price", right: true },
    { title: "first", right: true },
    { title: "time", right: true },
  ];
  const rows = (bill.adapters ?? []).map((entry): Cell[] => [
    { text: safe(entry.name), role: roleOf(entry.name, order) },
    { text: entry.outcome, role: entry.outcome === "ok" ? "good" : entry.outcome === "failed" ? "bad" : "warn" },
    count(entry.in_tokens),
    count(entry.out_tokens),
    money(entry.usd),
    duration(entry.ttfp_ms),
    duration(entry.latency_ms),
  ]);
  const total: Cell[] = [
    { text: "total", role: "strong" },
    "",
    count(bill.in_tokens ?? 0),
    count(bill.out_tokens ?? 0),
    { text: money(bill.usd), role: "strong" },
    duration(bill.ttfp_ms),
    duration(bill.latency_ms),
  ];
  const problems = (bill.adapters ?? []).flatMap(({ name, error }) =>
    error === undefined
      ? []
      : [style.paint("warn", clip(`  ${safe(name)}: ${error.code}, ${safe(error.message)}`, style.width))],
  );
  const estimate =
    bill.estimate === undefined ? "" : `, estimated ${count(bill.estimate.tokens)} and ${money(bill.estimate.usd)}`;
  return [
    heading("Bill", `${count(bill.tokens)} tokens, ${money(bill.usd)}${estimate}`, style),
    ...table(columns, [...rows, total], style),
    ...problems,
  ];
}

/** What is left of the run's window, dimension by dimension. */
export function windowLines(asked: Window, left: Window | undefined, style: Style): string[] {
  if (left === undefined) return [heading("Window left", "the router told nothing of it", style)];
  const rows = (
    [
      ["tokens", asked.max_tokens, left.max_tokens, count],
      ["price", asked.max_usd_micros, left.max_usd_micros, money],
      ["calls at once", asked.max_parallel, left.max_parallel, count],
    ] as const
  ).flatMap(([name, limit, rest, format]): Cell[][] => {
    if (rest === undefined) return [];
    if (limit === undefined || limit === 0) return [[name, format(rest), "", ""]];
    return [[name, format(rest), `of ${format(limit)}`, bar(rest / limit, 20, style)]];
  });
  const columns = [{ title: "" }, { title: "left", right: true }, { title: "" }, { title: "" }];
  return [heading("Window left", "", style), ...table(columns, rows, style).slice(1)];
}

/** What shared memory did. */
export function memoryLine(stored: string, bytes: number | undefined, style: Style): string {
  if (bytes === undefined) return `  ${style.paint("bad", "the answer was not stored")} as ${stored}`;
  return `  ${style.paint("good", style.drawn ? "✔" : "stored")} ${stored}, ${count(bytes)} bytes, read back from the memory gateway`;
}
