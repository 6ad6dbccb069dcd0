/** Router processes that share one Redis, behind a balancer. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Controlled, type RunningProgram, startChild, startProgram } from "../harness/children.js";
import type { RedisServer } from "../harness/redis-server.js";

/** How the routers of a fleet are configured. */
export interface FleetOptions {
  readonly routers: number;
  readonly adapterPort: number;
  /** Absent: each router by itself, in process memory. */
  readonly redis?: RedisServer;
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** A fleet that runs. */
export interface Fleet {
  readonly routers: readonly RunningProgram[];
  readonly balancer: Controlled;
  /** Ends one by SIGTERM, waits for its end and starts it again on its port. @returns how long its drain took, in milliseconds */
  restart(nth: number): Promise<number>;
  /** Kills one with -9 and starts it again on its port after a while. */
  kill(nth: number, awayMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** The process behind each router, replaced when it is started again. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { routers: size, adapterPort, redis, folder, config } = options;
  const file = join(folder, "fleet.json");
  writeFileSync(file, JSON.stringify(config));
  let logs = 0;
  const start = (port: number): Promise<RunningProgram> =>
    startProgram("examples/router/dist/main.js", {
      env: {
        HOST: "127.0.0.1",
        PORT: String(port),
        LOG_LEVEL: "info",
        ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${adapterPort}`]),
        ATP_CONFIG: file,
        ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      },
      logFile: join(folder, `router-${logs++}.log`),
    });
  const routers = await Promise.all(Array.from({ length: size }, () => start(0)));
  const balancer = await startChild("dist/bench-scale-balancer.js");
  const place = (): Promise<void> =>
    balancer.call(
      "backends",
      routers.map(({ port }) => port),
    );
  await place();
  const of = (nth: number): RunningProgram => {
    const one = routers[nth];
    if (one === undefined) throw new Error(`there is no router ${nth}`);
    return one;
  };
  return {
    routers,
    balancer,
    async restart(nth) {
      const one = of(nth);
      const began = performance.now();
      process.kill(one.pid, "SIGTERM");
      await one.ended;
      const drainMs = performance.now() - began;
      routers[nth] = await start(one.port);
      return drainMs;
    },
    async kill(nth, awayMs) {
      const one = of(nth);
      process.kill(one.pid, "SIGKILL");
      await one.ended;
      await new Promise((resolve) => setTimeout(resolve, awayMs));
      routers[nth] = await start(one.port);
    },
    async stop() {
      await Promise.allSettled(routers.map((one) => one.stop()));
      await balancer.stop();
    },
  };
}
