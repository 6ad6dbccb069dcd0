import { type Calibration, calibrate, type Machine, machine } from "./machine.js";
import { type Spread, tidy } from "./stats.js";

/** How a value is held against its target. */
export type Operator = "<=" | ">=" | "==";

/** A figure with a target. */
export interface Goal extends Spread {
  readonly id: string;
  readonly unit: string;
  readonly target: number;
  readonly op: Operator;
  /** What was measured, in one line. */
  readonly what: string;
}

/** A figure without a target. */
export interface Info extends Spread {
  readonly unit: string;
}

/** The one object that `--json` prints on its last line. */
export interface Report {
  readonly name: string;
  readonly at: string;
  readonly machine: Machine;
  readonly calibration: Calibration;
  readonly goals: readonly Goal[];
  readonly info: Readonly<Record<string, Info>>;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A goal of a measured figure. */
export function goal(id: string, what: string, unit: string, figure: Spread, op: Operator, target: number): Goal {
  return {
    id,
    value: tidy(figure.value),
    target,
    op,
    min: tidy(figure.min),
    max: tidy(figure.max),
    rounds: figure.rounds,
    unit,
    what,
  };
}

/** A figure without a target. */
export function info(unit: string, figure: Spread): Info {
  return { value: tidy(figure.value), min: tidy(figure.min), max: tidy(figure.max), rounds: figure.rounds, unit };
}

/** Whether a goal is met. A value that is not a number never is. */
export function met(one: Goal): boolean {
  if (one.op === "<=") return one.value <= one.target;
  if (one.op === ">=") return one.value >= one.target;
  return one.value === one.target;
}

/** A report of this machine and moment. */
export function report(
  name: string,
  goals: readonly Goal[],
  infos: Readonly<Record<string, Info>>,
  settings: Readonly<Record<string, unknown>>,
): Report {
  return {
    name,
    at: new Date().toISOString(),
    machine: machine(),
    calibration: calibrate(),
    goals,
    info: infos,
    settings,
  };
}

/** The report for people, one line a figure. */
export function readable(one: Report): string {
  const { machine: m } = one;
  const lines = [
    `${one.name} on ${m.cpu}, ${m.cores} cores, Node ${m.node}; JSON.parse of a frame takes ${one.calibration.jsonParseNs} ns`,
    ...one.goals.map(
      (g) =>
        `${met(g) ? "ok  " : "MISS"} ${g.id.padEnd(22)} ${figure(g)} ${g.unit}, aimed at ${g.op} ${g.target}: ${g.what}`,
    ),
    ...Object.entries(one.info).map(([id, i]) => `     ${id.padEnd(44)} ${figure(i)} ${i.unit}`),
  ];
  return lines.join("\n");
}

function figure(f: Spread): string {
  return f.rounds > 1 ? `${f.value} (${f.min} to ${f.max})` : String(f.value);
}

/** Progress for people: standard error, so that standard output stays a report. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
