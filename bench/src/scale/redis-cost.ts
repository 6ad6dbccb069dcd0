/** What Redis costs a router: the load of the router's bench on a router in process memory and on one that shares everything. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Running, startChild, startProgram } from "../harness/children.js";
import { startRedisServer } from "../harness/redis-server.js";
import { type Goal, goal, type Info, info, progress } from "../harness/report.js";
import { difference, ratio, spread } from "../harness/stats.js";
import { burst, paced, single } from "../router/modes.js";
import { estimateTimeoutMs } from "../router/product.js";
import { inTurn, mirrored, throughRouter, Turns, type Variant } from "../router/rounds.js";

/** Routers that differ in where they keep what they keep. */
const stores = {
  memory: {},
  exact: { redis: { replay: true, budgets: "exact" } },
};

/** The cost over `rounds` rounds, the first of which warms up and is dropped. */
export async function redisCost(rounds: number): Promise<{ goals: readonly Goal[]; infos: Record<string, Info> }> {
  const folder = mkdtempSync(join(tmpdir(), "atp-scale-cost-"));
  const redis = await startRedisServer();
  const adapter = await startChild("dist/bench-adapter.js");
  let load = await startChild("dist/bench-load.js");
  let repeated = 0;
  const running: Running[] = [adapter];
  try {
    const variant = async (name: keyof typeof stores): Promise<Variant> => {
      const file = join(folder, `${name}.json`);
      const tenants = { default: { budget: { max_usd_micros: 1_000_000_000_000 } } };
      writeFileSync(
        file,
        JSON.stringify({ tenants, limits: { estimate_timeout_ms: estimateTimeoutMs }, ...stores[name] }),
      );
      const router = await startProgram("examples/router/dist/main.js", {
        env: {
          PORT: "0",
          ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${adapter.port}`]),
          LOG_LEVEL: "info",
          ATP_CONFIG: file,
          ...(name === "memory" ? {} : { REDIS_URL: redis.url }),
        },
        logFile: join(folder, `${name}.log`),
      });
      running.push(router);
      /** A router that is short of time for other work of the machine refuses: such a turn is no figure, and is taken again. */
      const turn: Variant["turn"] = async (mode) => {
        for (let tries = 0; ; tries++) {
          try {
            return await throughRouter(name, load, router).turn(mode);
          } catch (error) {
            if (tries >= 5 || !String(error).includes("EOVERLOAD")) throw error;
            repeated++;
            await load.stop();
            await new Promise((resolve) => setTimeout(resolve, 3_000));
            load = await startChild("dist/bench-load.js");
          }
        }
      };
      return { name, turn };
    };
    const [memory, exact] = [await variant("memory"), await variant("exact")];
    const turns = new Turns();
    for (let round = 0; round < rounds; round++) {
      for (const mode of [burst, paced, single])
        for (const one of mirrored(inTurn([memory, exact], round))) {
          const turn = await one.turn(mode);
          if (round > 0) turns.add(round, mode, one, turn);
        }
      progress(`redis cost: round ${round + 1} of ${rounds}`);
    }
    const cpu = (mode: typeof burst, one: Variant): number[] => turns.values(mode, one, "routerCpuMs");
    const first = (mode: typeof burst, one: Variant): number[] => turns.values(mode, one, "firstP50Ms");
    const start = (one: Variant): ReturnType<typeof spread> => difference(first(single, one), first(single, memory));
    return {
      goals: [
        goal(
          "S4.start",
          "ms that Redis adds to a stream's start, median, one at a time",
          "ms",
          start(exact),
          "<=",
          1.5,
        ),
        goal(
          "S4.cpu.burst",
          "router CPU with Redis over without, 64 at once in bursts",
          "x",
          ratio(cpu(burst, exact), cpu(burst, memory)),
          "<=",
          1.25,
        ),
        goal(
          "S4.cpu.paced",
          "router CPU with Redis over without, 8 at once, a chunk each 10 ms",
          "x",
          ratio(cpu(paced, exact), cpu(paced, memory)),
          "<=",
          1.25,
        ),
      ],
      infos: {
        "turns taken again for a machine that was busy": info("", spread([repeated])),
        "ms that Redis adds to a stream's start, 8 at once": info(
          "ms",
          difference(first(paced, exact), first(paced, memory)),
        ),
        "router CPU in memory, bursts": info("ms", spread(cpu(burst, memory))),
        "router CPU with Redis, bursts": info("ms", spread(cpu(burst, exact))),
      },
    };
  } finally {
    await load.stop();
    await Promise.allSettled(running.map((one) => one.stop()));
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
