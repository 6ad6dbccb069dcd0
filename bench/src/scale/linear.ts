/** How routers add up: streams per second of router CPU, with one router and with four, on one Redis and each by itself. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../harness/children.js";
import { cpuMsOf } from "../harness/proc.js";
import { startRedisServer } from "../harness/redis-server.js";
import { type Goal, goal, type Info, info, progress } from "../harness/report.js";
import { spread } from "../harness/stats.js";
import type { LoadResult } from "../router/load.js";
import { type Fleet, startFleet } from "./fleet.js";

/** Questions at once and in all for each router: every router of every fleet has the same work. */
const modes = [
  { name: "burst", concurrency: 6, requests: 200, chunks: 50, delayMs: 0 },
  { name: "paced", concurrency: 6, requests: 36, chunks: 50, delayMs: 10 },
] as const;
type Mode = (typeof modes)[number];
const sizes = [1, 2, 4] as const;
type Size = (typeof sizes)[number];

const config = {
  tenants: { default: { budget: { max_usd_micros: 1_000_000_000_000 } } },
  limits: { estimate_timeout_ms: 20_000 },
};
const shared = { redis: { replay: true, budgets: "exact", timeout_ms: 10_000 } };

/** The figures over `rounds` rounds, the first of which warms up and is dropped. */
export async function linear(rounds: number): Promise<{ goals: readonly Goal[]; infos: Record<string, Info> }> {
  const folder = mkdtempSync(join(tmpdir(), "atp-scale-linear-"));
  const redis = await startRedisServer();
  const adapter = await startChild("dist/bench-adapter.js");
  const load = await startChild("dist/bench-load.js");
  const fleetOf = (name: string, more: Pick<Parameters<typeof startFleet>[0], "redis" | "config">): Promise<Fleet> => {
    mkdirSync(join(folder, name));
    return startFleet({ routers: 4, adapterPort: adapter.port, folder: join(folder, name), ...more });
  };
  const together = await fleetOf("together", { redis, config: { ...config, ...shared } });
  const apart = await fleetOf("apart", { config });
  /** Streams per CPU second of all routers that took part, summed over as many cores as there are routers. */
  const perCpuSecond = async (fleet: Fleet, size: Size, { name: _, ...shape }: Mode): Promise<number> => {
    const part = fleet.routers.slice(0, size);
    const before = part.map(({ pid }) => cpuMsOf(pid));
    await Promise.all(part.map(({ port, pid }) => load.call<LoadResult>("throughRouter", { port, pid, ...shape })));
    // Each router has a core of its own where there are enough: its share of the work counts against its own CPU.
    return part.reduce((sum, { pid }, i) => sum + shape.requests / ((cpuMsOf(pid) - (before[i] ?? 0)) / 1_000), 0);
  };
  const found = new Map<string, number[]>();
  const keyOf = (fleet: Fleet, size: Size, { name }: Mode): string =>
    `${fleet === together ? "together" : "apart"} ${size} ${name}`;
  try {
    for (let round = 0; round < rounds; round++) {
      // Each router warms up in the first round; later ones go there and back.
      const order = round % 2 === 0 ? [...sizes].reverse() : sizes;
      for (const mode of modes)
        for (const size of order)
          for (const fleet of round % 2 === 0 ? [together, apart] : [apart, together]) {
            const value = await perCpuSecond(fleet, size, mode);
            if (round === 0) continue;
            const key = keyOf(fleet, size, mode);
            found.set(key, [...(found.get(key) ?? []), value]);
          }
      progress(`1 to 4 routers: round ${round + 1} of ${rounds}`);
    }
  } finally {
    await Promise.all([together.stop(), apart.stop()]);
    await load.stop();
    await adapter.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const of = (fleet: Fleet, size: Size, mode: Mode): readonly number[] => found.get(keyOf(fleet, size, mode)) ?? [];
  const share = (fleet: Fleet, size: Size, mode: Mode): number[] =>
    of(fleet, size, mode).map((value, i) => value / (size * (of(fleet, 1, mode)[i] ?? Number.NaN)));
  const infos: Record<string, Info> = {};
  for (const mode of modes) {
    for (const size of sizes)
      infos[`streams per CPU second, ${mode.name}, ${size} on one Redis`] = info(
        "1/s",
        spread(of(together, size, mode)),
      );
    infos[`2 routers over twice 1, ${mode.name}`] = info("x", spread(share(together, 2, mode)));
    infos[`control, ${mode.name}: 4 routers over 4 times 1, each in process memory`] = info(
      "x",
      spread(share(apart, 4, mode)),
    );
    infos[`S5.linear.${mode.name} over its control`] = info(
      "x",
      spread(share(together, 4, mode).map((value, i) => value / (share(apart, 4, mode)[i] ?? Number.NaN))),
    );
  }
  return {
    goals: modes.map((mode) =>
      goal(
        `S5.linear.${mode.name}`,
        `streams per CPU second of 4 routers on one Redis over 4 times those of 1, ${mode.delayMs === 0 ? "6 at once each, in bursts" : "6 at once each, a chunk each 10 ms"}`,
        "x",
        spread(share(together, 4, mode)),
        ">=",
        0.85,
      ),
    ),
    infos,
  };
}
