/** Many routers on one Redis: restarts, a kill, what Redis costs, how routers add up, and the door for OpenAI's clients under load. */
import { writePage } from "../router/page.js";
import { benchOptions, runBench } from "../harness/options.js";
import { progress, readable, report } from "../harness/report.js";
import { restartGoals } from "./restarts.js";

runBench(async () => {
  const options = benchOptions();
  progress("restarts and a kill");
  const restarts = await restartGoals();
  const run = report("scale", restarts.goals, restarts.infos, { long: options.long });
  if (options.write) progress(`wrote ${writePage(run)}`);
  process.stdout.write(`${options.json ? JSON.stringify(run) : readable(run)}\n`);
});
