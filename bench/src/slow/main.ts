/** Slow readers: what they make the router hold, what the others feel of it, and whether their answers are whole in the end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild, startProgram } from "../harness/children.js";
import { benchOptions, runBench } from "../harness/options.js";
import { rssMbOf } from "../harness/proc.js";
import { type Goal, goal, info, progress, readable, report } from "../harness/report.js";
import { ratio, spread } from "../harness/stats.js";
import { writePage } from "../router/page.js";
import { LONG } from "./piece.js";
import type { SpanOptions, SpanResult } from "./readers.js";

const CLIENTS = 100;
const STALLED = 10;
const SECONDS = 60;
const STALL_AFTER = 5;
const SAMPLE_MS = 250;

const KIB = 1_024;
/**
 * The stated bound of one session with one stream and one adapter, in bytes, while no FINAL is on its way: what is kept for a resume, what
 * its socket may have unsent, one pending partial, and a piece that passes the mark.
 */
const SESSION_BOUND = 1_024 * KIB + 256 * KIB + 64 * KIB + LONG;

interface Run extends SpanResult {
  readonly stalled: number;
  /** The most that the router said it holds for its readers. */
  readonly bufferedBytes: number;
  /** The most resident memory over that before the first client came. */
  readonly growthMb: number;
}

async function bufferedOf(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const found = /^atp_buffered_bytes (\S+)$/m.exec(text)?.[1];
  if (found === undefined) throw new Error("the router does not tell atp_buffered_bytes");
  return Number(found);
}

/** One run in a router, an adapter and a reader's process of its own. */
async function once(stalled: number, seconds: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "atp-slow-"));
  const adapter = await startChild("dist/bench-slow-adapter.js");
  const readers = await startChild("dist/bench-slow-readers.js");
  const router = await startProgram("examples/router/dist/main.js", {
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${adapter.port}`]),
      LOG_LEVEL: "info",
    },
    logFile: join(folder, "router.log"),
  });
  const span = (options: Partial<SpanOptions>): Promise<SpanResult> =>
    readers.call<SpanResult>("span", { port: router.port, clients: CLIENTS, stallAfter: STALL_AFTER, ...options });
  try {
    // Compilation and first connections belong to no reader.
    await span({ stalled: 0, seconds: 3 });
    const before = rssMbOf(router.pid);
    let bufferedBytes = 0;
    let most = before;
    let sampling = true;
    const sampled = (async () => {
      while (sampling) {
        bufferedBytes = Math.max(bufferedBytes, await bufferedOf(router.port));
        most = Math.max(most, rssMbOf(router.pid));
        await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
      }
    })();
    const running = span({ stalled, seconds });
    // What ends is told whole, whoever reads: the last second is no reader's fault.
    setTimeout(() => (sampling = false), (seconds - 1) * 1_000);
    const result = await running;
    await sampled;
    return { ...result, stalled, bufferedBytes, growthMb: most - before };
  } finally {
    await Promise.all([router.stop(), adapter.stop(), readers.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

runBench(async () => {
  const options = benchOptions();
  const rounds = options.long ? 5 : 3;
  const withThem: Run[] = [];
  const without: Run[] = [];
  for (let round = 0; round < rounds; round++) {
    // In turns, so that neither always comes first.
    for (const stalled of round % 2 === 0 ? [0, STALLED] : [STALLED, 0]) {
      const run = await once(stalled, SECONDS);
      (stalled === 0 ? without : withThem).push(run);
      progress(
        `round ${round + 1} of ${rounds}, ${stalled} stopped: p95 ${run.p95Ms.toFixed(1)} ms, held ${(run.bufferedBytes / KIB).toFixed(0)} KiB, grew ${run.growthMb.toFixed(1)} MiB, ${run.whole} of ${CLIENTS} whole`,
      );
    }
  }
  // What healthy readers make it hold is measured, and is no part of the bound of the stopped ones.
  const share = withThem.map((run, i) => {
    const healthy = ((without[i]?.bufferedBytes ?? 0) * (CLIENTS - STALLED)) / CLIENTS;
    return (run.bufferedBytes - healthy) / (STALLED * SESSION_BOUND);
  });
  const goals: Goal[] = [
    goal(
      "G7a.buffered",
      "the most the router held for ten readers that had stopped, over the stated bound of their sessions",
      "x",
      spread(share),
      "<=",
      1,
    ),
    goal(
      "G7a.rss",
      "growth of the router's resident memory in 60 s with them over that without",
      "x",
      ratio(
        withThem.map(({ growthMb }) => growthMb),
        without.map(({ growthMb }) => growthMb),
      ),
      "<=",
      1.2,
    ),
    goal(
      "G7b.p95",
      "p95 from adapter to reader of the 90 healthy ones with them over that without",
      "x",
      ratio(
        withThem.map(({ p95Ms }) => p95Ms),
        without.map(({ p95Ms }) => p95Ms),
      ),
      "<=",
      1.1,
    ),
    goal(
      "G7c.lost_finals",
      "runs that were let in and whose answer was not every piece once and one final, also of those that had stopped and came back, worst round",
      "",
      spread([Math.max(...withThem.map(({ whole, refused }) => CLIENTS - whole - refused))]),
      "==",
      0,
    ),
  ];
  const infos = {
    "p50, without": info("ms", spread(without.map(({ p50Ms }) => p50Ms))),
    "p95, without": info("ms", spread(without.map(({ p95Ms }) => p95Ms))),
    "p95, with": info("ms", spread(withThem.map(({ p95Ms }) => p95Ms))),
    "held, without": info("KiB", spread(without.map(({ bufferedBytes }) => bufferedBytes / KIB))),
    "held, with": info("KiB", spread(withThem.map(({ bufferedBytes }) => bufferedBytes / KIB))),
    "stated bound of ten": info("KiB", spread([(STALLED * SESSION_BOUND) / KIB])),
    "memory growth, without": info("MiB", spread(without.map(({ growthMb }) => growthMb))),
    "memory growth, with": info("MiB", spread(withThem.map(({ growthMb }) => growthMb))),
    "stopped readers whose answer came whole": info("of 10", spread(withThem.map(({ wholeStalled }) => wholeStalled))),
    "refused at the door, with": info("", spread(withThem.map(({ refused }) => refused))),
    "resumed, with": info("", spread(withThem.map(({ resumed }) => resumed))),
    "gaps, with": info("", spread(withThem.map(({ gaps }) => gaps))),
    "pieces timed, a run": info("", spread(withThem.map(({ pieces }) => pieces))),
  };
  const result = report("slow", goals, infos, { clients: CLIENTS, stalled: STALLED, seconds: SECONDS, rounds });
  if (options.write) progress(`wrote ${writePage(result)}`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : readable(result)}\n`);
});
