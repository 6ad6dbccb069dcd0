/** What the wire costs: partials, decoding, refusing, memory, the client's bundle; and that it holds under fuzz and schedules. */
import { type Controlled, startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { progress, readable, report } from "../harness/report.js";
import { writePage } from "../router/page.js";
import type { DecodeRound } from "./decode.js";
import { goalsOf, infosOf, type Measured, type Schedules } from "./figures.js";
import type { FuzzResult } from "./fuzz.js";
import { idleRounds } from "./idle-rounds.js";
import { partialRounds } from "./partial-rounds.js";
import type { Rejects } from "./reject.js";
import { bundleSize } from "./size.js";

const FUZZ = { frames: 1_000_000, generated: 5_000 } as const;
const SCHEDULES = 10_000;

/** Runs one piece of work in a process of its own, so that none warms up or spoils another's code. */
async function work<Result>(operation: string, argument?: unknown): Promise<Result> {
  const child: Controlled = await startChild("dist/bench-wire-work.js", [], ["--expose-gc"]);
  try {
    return await child.call<Result>(operation, argument);
  } finally {
    await child.stop();
  }
}

runBench(async () => {
  const options = benchOptions();
  // The first round warms up and is dropped.
  const rounds = options.long ? 15 : 9;
  const seed = Date.now() % 1_000_000;
  progress(`seed ${seed}`);
  const partials = await partialRounds(rounds);
  const decodes = await work<DecodeRound[]>("decode", rounds);
  const rejects = await work<Rejects>("reject");
  progress(`decoded and refused; slowest to refuse: ${rejects.kinds[0]?.kind ?? "none"}`);
  const idle = await idleRounds(options.long ? 5 : 3);
  const size = bundleSize();
  // Nothing is timed from here on, so both cores may work.
  const [fuzz, schedules] = await Promise.all([
    work<FuzzResult>("fuzz", { seed, ...FUZZ }),
    work<Schedules>("schedules", { from: seed, count: SCHEDULES }),
  ]);
  for (const failure of fuzz.failures) progress(`fuzz with seed ${seed}: ${failure}`);
  for (const failure of schedules.failures.slice(0, 20))
    progress(`schedule ${failure.seed}: ${failure.violations.join("; ")} (replay it: ATP_SEED=${failure.seed})`);
  const measured: Measured = { partials, decodes, rejects, idle, size, fuzz, schedules };
  const result = report("wire", goalsOf(measured), infosOf(measured), { rounds, dropped: 1, seed, fuzz: FUZZ });
  if (options.write) progress(`wrote ${writePage(result)}`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
});
