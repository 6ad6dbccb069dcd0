/** Budgets under load: on Redis, and over real sockets through four router processes. */
import { writePage } from "../router/page.js";
import { benchOptions, runBench } from "../harness/options.js";
import { progress, readable, report } from "../harness/report.js";
import { redisRate } from "./redis-rate.js";
import { socketsRace } from "./sockets-race.js";

runBench(async () => {
  const options = benchOptions();
  progress("operations through Redis");
  const rate = await redisRate();
  progress("1,000 calls at once through four routers");
  const { goals, infos } = await socketsRace();
  const run = report("money", [...rate, ...goals], infos, { long: options.long });
  if (options.write) writePage(run);
  process.stdout.write(`${options.json ? JSON.stringify(run) : readable(run)}\n`);
});
