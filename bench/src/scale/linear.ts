/** How routers add up: streams per second of router CPU, with one router and with four on the same Redis. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../harness/children.js";
import { cpuMsOf } from "../harness/proc.js";
import { startRedisServer } from "../harness/redis-server.js";
import { type Goal, goal, type Info, info, progress } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import type { LoadResult } from "../router/load.js";
import { startFleet } from "./fleet.js";

/** Questions at once and in all for each router: every router of every fleet has the same work. */
const CONCURRENCY = 6;
const REQUESTS = 200;
const shape = { chunks: 50, delayMs: 0 };
const config = {
  tenants: { default: { budget: { max_usd_micros: 1_000_000_000_000 } } },
  limits: { estimate_timeout_ms: 20_000 },
  redis: { replay: true, budgets: "exact", timeout_ms: 10_000 },
};

/** The figures over `rounds` rounds, the first of which warms up and is dropped. */
export async function linear(rounds: number): Promise<{ goals: readonly Goal[]; infos: Record<string, Info> }> {
  const folder = mkdtempSync(join(tmpdir(), "atp-scale-linear-"));
  const redis = await startRedisServer();
  const adapter = await startChild("dist/bench-adapter.js");
  const load = await startChild("dist/bench-load.js");
  const fleet = await startFleet({ routers: 4, adapterPort: adapter.port, redis, folder, config });
  /** Streams per CPU second of all routers that took part, summed over as many cores as there are routers. */
  const perCpuSecond = async (size: number): Promise<number> => {
    const part = fleet.routers.slice(0, size);
    const before = part.map(({ pid }) => cpuMsOf(pid));
    await Promise.all(
      part.map(({ port, pid }) =>
        load.call<LoadResult>("throughRouter", { port, pid, concurrency: CONCURRENCY, requests: REQUESTS, ...shape }),
      ),
    );
    // Each router has a core of its own where there are enough: its share of the work counts against its own CPU.
    return part.reduce((sum, { pid }, i) => sum + REQUESTS / ((cpuMsOf(pid) - (before[i] ?? 0)) / 1_000), 0);
  };
  const one: number[] = [];
  const two: number[] = [];
  const four: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      // Each router warms up in the first round; later ones go there and back.
      const order = round % 2 === 0 ? [4, 2, 1] : [1, 2, 4];
      for (const size of order) {
        const value = await perCpuSecond(size);
        if (round > 0) (size === 1 ? one : size === 2 ? two : four).push(value);
      }
      progress(`1 to 4 routers: round ${round + 1} of ${rounds}`);
    }
  } finally {
    await fleet.stop();
    await load.stop();
    await adapter.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const share = (many: readonly number[], n: number): number[] => many.map((value, i) => value / (n * (one[i] ?? NaN)));
  return {
    goals: [
      goal(
        "S5.linear",
        "streams per CPU second of 4 routers on one Redis over 4 times those of 1",
        "x",
        spread(share(four, 4)),
        ">=",
        0.85,
      ),
    ],
    infos: {
      "streams per CPU second, 1 router": info("1/s", spread(one)),
      "streams per CPU second, 2 routers": info("1/s", spread(two)),
      "streams per CPU second, 4 routers": info("1/s", spread(four)),
      "2 routers over twice 1": info("x", spread(share(two, 2))),
    },
  };
}
