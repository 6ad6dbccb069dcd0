/** What the client costs and holds: runs cut everywhere, CPU by partial, many streams with a stalled reader, memory, size. */
import { type Controlled, startChild } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { goal, info, progress, readable, report } from "../harness/report.js";
import { ratio, spread } from "../harness/stats.js";
import { writePage } from "../router/page.js";
import { browserCuts, sizes } from "./sizes.js";
import type { Cost } from "./load.js";

const PIECES = 100_000;
const STREAMS = 200;
const CUTS = 2_000;

interface Cuts {
  readonly runs: number;
  readonly failures: readonly string[];
}

/** One measure in a new pair of processes. */
async function pair<Result>(measure: (load: Controlled, server: Controlled) => Promise<Result>): Promise<Result> {
  const server = await startChild("dist/bench-client-server.js");
  const load = await startChild("dist/bench-client-load.js", [], ["--expose-gc"]);
  try {
    return await measure(load, server);
  } finally {
    await Promise.all([load.stop(), server.stop()]);
  }
}

async function costs(
  rounds: number,
): Promise<{ readonly bare: number[]; readonly client: number[]; readonly frame: number }> {
  return pair(async (load, server) => {
    const told = { bare: [] as number[], client: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? (["bare", "client"] as const) : (["client", "bare"] as const);
      for (const name of order) {
        const { cpuMs, partials } = await load.call<Cost>(name, { port: server.port, pieces: PIECES });
        if (partials !== PIECES) throw new Error(`${name} read ${partials} partials`);
        // The first round warms up and is dropped.
        if (round > 0) told[name].push((cpuMs * 1_000) / PIECES);
      }
      progress(
        `CPU, round ${round + 1} of ${rounds}: ${told.bare.at(-1)?.toFixed(2)} us bare, ${told.client.at(-1)?.toFixed(2)} us client`,
      );
    }
    return { ...told, frame: await server.call<number>("frameBytes") };
  });
}

async function stalls(rounds: number): Promise<{ readonly without: number[]; readonly stalled: number[] }> {
  return pair(async (load, server) => {
    const told = { without: [] as number[], stalled: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? [false, true] : [true, false];
      for (const stalled of order) {
        const p95 = await load.call<number>("streams", { port: server.port, count: STREAMS, stalled });
        if (round > 0) told[stalled ? "stalled" : "without"].push(p95);
      }
    }
    progress("streams beside a stalled reader measured");
    return told;
  });
}

runBench(async () => {
  const options = benchOptions();
  const rounds = options.long ? 11 : 7;
  const cpu = await costs(rounds);
  const stall = await stalls(rounds);
  const soakMs = options.long ? 30 * 60_000 : 60_000;
  const heaps = await pair((load, server) => load.call<number[]>("soak", { port: server.port, ms: soakMs }));
  progress(`heap by tenths: ${heaps.map((kib) => Math.round(kib)).join(" ")} KiB`);
  const cuts = await pair((load) => load.call<Cuts>("cuts", { count: CUTS }));
  for (const failure of cuts.failures.slice(0, 20)) progress(failure);
  const browser = browserCuts();
  const size = sizes();
  const one = (value: number): ReturnType<typeof spread> => spread([value]);
  // The first tenth warms up; the highest of the last three is held against the highest of the three after it.
  const growth = Math.max(...heaps.slice(7)) - Math.max(...heaps.slice(1, 4));
  const goals = [
    goal("C1.node_runs", "seeded runs in Node, cut at every frame boundary", "runs", one(cuts.runs), ">=", CUTS),
    goal("C1.node_failures", "of them not identical to the uncut run", "runs", one(cuts.failures.length), "==", 0),
    goal("C1.browser_runs", "the same runs in Chromium", "runs", one(browser.runs), ">=", CUTS),
    goal("C1.browser_failures", "of them not identical to the uncut run", "runs", one(browser.failed), "==", 0),
    goal(
      "C2.stalled_p95",
      `p95 of a piece's way among ${STREAMS} streams on one socket, one reader stalled, over the same without`,
      "x",
      ratio(stall.stalled, stall.without),
      "<=",
      1.1,
    ),
    goal(
      "C3.cpu_ratio",
      `client CPU of ${PIECES} partials through for await, over bare ws and JSON.parse`,
      "x",
      ratio(cpu.client, cpu.bare),
      "<=",
      1.5,
    ),
    goal(
      "C4.heap_growth_kb",
      `growth of the heap over ${soakMs / 60_000} min of streaming and reconnecting`,
      "KiB",
      one(growth),
      "<=",
      1_024,
    ),
    goal(
      "C5.bundle_kb",
      "default entry with everything bundled, minified and gzipped",
      "kB",
      one(size.everything),
      "<=",
      8,
    ),
    goal("C5.react_kb", "what atp-client/react adds", "kB", one(size.react), "<=", 1.5),
    goal("C5.clean", "no zod and no Node built-in in either", "", one(size.clean ? 1 : 0), "==", 1),
  ];
  const infos = {
    "C2.p95_without": info("ms", spread(stall.without)),
    "C2.p95_stalled": info("ms", spread(stall.stalled)),
    "C3.bare_us": info("us", spread(cpu.bare)),
    "C3.client_us": info("us", spread(cpu.client)),
    "C3.frame_bytes": info("bytes", one(cpu.frame)),
    "C4.heap_kb": info("KiB", spread(heaps)),
  };
  const result = report("client", goals, infos, { rounds, dropped: 1, soakMs, cuts: CUTS });
  if (options.write) progress(`wrote ${writePage(result)}`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
});
