import type { AtpRun, FinalResult, RunEvent } from "../index.js";

/** Where a command writes. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** One JSON object a line on `out`, and no progress. */
  readonly json: boolean;
  readonly quiet: boolean;
}

// What an adapter says may hold escape sequences, which would do things to a terminal.
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Text of others without control characters. */
export function plain(text: string): string {
  return text.replaceAll(controls, "");
}

/** Follows a run to its end: its answer on `out`, what happens on the way on `err`. @throws what ends the run */
export async function follow(run: AtpRun, terminal: Terminal): Promise<FinalResult> {
  for await (const event of run) {
    if (terminal.json) terminal.out(`${JSON.stringify(lineOf(event))}\n`);
    else if (!terminal.quiet) tell(event, terminal);
  }
  const final = await run.final();
  if (!terminal.json) {
    terminal.out(`${plain(final.answer)}\n`);
    if (!terminal.quiet) terminal.err(`${bill(final)}\n`);
  }
  return final;
}

/** An event without the frame that it came in, which says the same again. */
function lineOf(event: RunEvent): object {
  if (event.type === "other") return event;
  return Object.fromEntries(Object.entries(event).filter(([name]) => name !== "frame"));
}

function tell(event: RunEvent, { err }: Terminal): void {
  switch (event.type) {
    case "plan": {
      const rungs = event.plan.rungs.map((calls) => calls.map(({ adapter }) => adapter).join(" + "));
      err(`plan: ${plain(event.plan.strategy)}: ${plain(rungs.join(" > "))}\n`);
      return;
    }
    case "partial":
      if (event.chunk === 0) err(`${plain(event.adapter)} answers\n`);
      return;
    case "provisional":
      err(`provisional: ${plain(event.answer)}\n`);
      return;
    case "window":
      if (event.left?.max_usd_micros !== undefined) err(`left: ${dollars(event.left.max_usd_micros)}\n`);
      return;
    case "warning":
      err(`warning: ${event.error.code}: ${plain(event.error.message)}\n`);
      return;
    case "resumed":
    case "gap":
      err(`${event.type}\n`);
      return;
    default:
  }
}

function bill({ adapter, consensus, telemetry }: FinalResult): string {
  return [
    adapter,
    consensus === undefined ? undefined : `agreement ${consensus.agreement}`,
    telemetry === undefined
      ? undefined
      : `${telemetry.tokens} tokens, ${dollars(telemetry.usd)}, ${telemetry.latency_ms} ms`,
  ]
    .filter((part) => part !== undefined)
    .map(plain)
    .join(" | ");
}

/** Micro-dollars as dollars, exactly. */
export function dollars(usdMicros: number): string {
  return `$${Math.floor(usdMicros / 1e6)}.${String(usdMicros % 1e6).padStart(6, "0")}`;
}
