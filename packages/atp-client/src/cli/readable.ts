import { readPlan } from "../plan.js";
import type { PlanEstimate } from "../plan.js";
import { dollars } from "./terminal.js";

/** Rows of words as lines, each column as wide as its widest word. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((word, i) => (widths[i] = Math.max(widths[i] ?? 0, word.length)));
  return rows
    .map((row) =>
      row
        .map((word, i) => word.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** How a request would be run, for people. What is no plan is told as it is. */
export function explanation(told: unknown): string {
  const plan = readPlan(told);
  if (plan === null || plan.strategy === "") return json(told);
  const { policy, expected, worst } = plan;
  const cost = (tokens: number, usdMicros: number): string => `${tokens} tokens, ${dollars(usdMicros)}`;
  const quote = ({ in_tokens, out_tokens, usd_micros, confidence }: PlanEstimate): string =>
    `${cost(in_tokens + out_tokens, usd_micros)}, confidence ${confidence}`;
  const rows: string[][] = [];
  if (policy !== undefined)
    rows.push(["policy", [policy.allow ? "allows" : "denies", policy.engine, ...policy.reasons].join(" ")]);
  rows.push(["strategy", plan.strategy]);
  for (const { adapter, status, estimate, failure } of plan.candidates)
    rows.push([
      "estimate",
      `${adapter} ${status}: ${estimate === undefined ? (failure?.message ?? "none") : quote(estimate)}`,
    ]);
  for (const [i, rung] of plan.rungs.entries())
    for (const { adapter, sample, hold } of rung)
      rows.push([
        `rung ${i + 1}`,
        `${adapter}${sample === 0 ? "" : `#${sample}`} holds ${cost(hold.tokens, hold.usd_micros)}`,
      ]);
  if (expected !== undefined) rows.push(["expected", cost(expected.tokens, expected.usd_micros)]);
  if (worst !== undefined) rows.push(["at worst", cost(worst.tokens, worst.usd_micros)]);
  for (const reason of plan.why) rows.push(["why", reason]);
  for (const { adapter, message } of plan.excluded) rows.push(["left out", `${adapter}: ${message}`]);
  return table(rows);
}

/** What `GET /v1/lanes`, `/adapters/health` and `/v1/budgets` told, as far as it is shown. */
export interface Load {
  readonly at: string;
  readonly lanes: unknown;
  readonly adapters: unknown;
  readonly budgets: unknown;
}

interface Lanes {
  readonly slots: number;
  readonly running: number;
  readonly admitted_share: number;
  readonly lanes: Readonly<
    Record<string, { readonly [count in "queued" | "running" | "granted" | "shed" | "oldest_wait_ms"]: number }>
  >;
}

interface Adapters {
  readonly adapters: readonly {
    readonly name: string;
    readonly status: string;
    readonly running: number;
    readonly window?: number;
    readonly p95_ms: number;
    readonly error_rate: number;
  }[];
}

interface Counts {
  readonly tokens: number;
  readonly usd_micros: number;
}

interface Budgets {
  readonly tenants: Readonly<
    Record<
      string,
      { readonly posted: Counts; readonly reserved: Counts; readonly left: { readonly max_usd_micros?: number } }
    >
  >;
}

/** The router's load, for people. What has another shape is told as it is. */
export function load(told: Load): string {
  try {
    const lanes = told.lanes as Lanes;
    const { adapters } = told.adapters as Adapters;
    const { tenants } = told.budgets as Budgets;
    const share = Math.round(lanes.admitted_share * 100);
    return [
      `${told.at}  ${lanes.running} of ${lanes.slots} calls, ${share} % of what comes is let in\n`,
      table([
        ["lane", "queued", "running", "granted", "shed", "oldest wait"],
        ...Object.entries(lanes.lanes).map(([name, { queued, running, granted, shed, oldest_wait_ms: oldest }]) => [
          name,
          ...[queued, running, granted, shed].map(String),
          `${oldest} ms`,
        ]),
      ]),
      table([
        ["adapter", "status", "running", "p95", "errors"],
        ...adapters.map(({ name, status, running, window, p95_ms: p95, error_rate: errors }) => [
          name,
          status,
          window === undefined ? String(running) : `${running} of ${window}`,
          `${p95} ms`,
          `${Math.round(errors * 100)} %`,
        ]),
      ]),
      table([
        ["tenant", "spent", "held", "left"],
        ...Object.entries(tenants).map(([name, { posted, reserved, left }]) => [
          name,
          dollars(posted.usd_micros),
          dollars(reserved.usd_micros),
          left.max_usd_micros === undefined ? "no limit" : dollars(left.max_usd_micros),
        ]),
      ]),
    ].join("\n");
  } catch {
    return json(told);
  }
}

function json(told: unknown): string {
  return `${JSON.stringify(told, null, 2)}\n`;
}
