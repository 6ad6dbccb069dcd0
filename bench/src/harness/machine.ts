import { cpus, release, totalmem } from "node:os";
import { median, tidy } from "./stats.js";

/** What a run ran on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly node: string;
}

/** The machine of this process. */
export function machine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
  };
}

/** How fast this machine is now: nanoseconds of CPU for one JSON.parse of a fixed text, median of several loops. */
export interface Calibration {
  readonly jsonParseNs: number;
}

const sample = JSON.stringify({
  v: 1,
  session_id: "s1",
  stream_id: "st1",
  msg_seq: 2,
  flags: ["MORE"],
  ttl: 7,
  payload: { type: "agent.result.partial", content: { adapter: "a", chunk: 0, attempt: 0, text: "x".repeat(140) } },
});

/** Takes about a third of a second. CPU time, not wall time, so that a busy neighbour changes it little. */
export function calibrate(): Calibration {
  const loops = 50_000;
  const times: number[] = [];
  let kept = 0;
  for (let round = 0; round < 6; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < loops; i++) kept += (JSON.parse(sample) as { v: number }).v;
    const used = process.cpuUsage(before);
    // The first loop pays for compilation.
    if (round > 0) times.push(((used.user + used.system) * 1000) / loops);
  }
  if (kept !== loops * 6) throw new Error("the calibration loop did not run");
  return { jsonParseNs: tidy(median(times)) };
}
