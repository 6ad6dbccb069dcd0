/** Budgets under load: in process memory, through whole routers in virtual time, on Redis, and over real sockets. */
import { writePage } from "../router/page.js";
import { benchOptions, runBench } from "../harness/options.js";
import { progress, readable, report } from "../harness/report.js";
import { loadGoals } from "./load-goals.js";
import { memoryRate } from "./memory-rate.js";
import { redisRate } from "./redis-rate.js";
import { socketsRace } from "./sockets-race.js";
import { stormGoals } from "./storm-goals.js";

runBench(async () => {
  const options = benchOptions();
  progress("reserve and settle in memory");
  const memory = await memoryRate();
  progress("random operations");
  const storm = await stormGoals();
  progress("the load through whole routers, in virtual time");
  const load = await loadGoals(options.long);
  progress("operations through Redis");
  const redis = await redisRate();
  progress("1,000 calls at once through four routers");
  const race = await socketsRace();
  const goals = [...storm.goals, ...load.goals, ...memory, ...redis, ...race.goals];
  const run = report("money", goals, { ...storm.infos, ...load.infos, ...race.infos }, { long: options.long });
  if (options.write) writePage(run);
  process.stdout.write(`${options.json ? JSON.stringify(run) : readable(run)}\n`);
});
