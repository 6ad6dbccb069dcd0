/** Many routers on one Redis: restarts, a kill, what Redis costs, how routers add up, and the door for OpenAI's clients under load. */
import { writePage } from "../router/page.js";
import { benchOptions, runBench } from "../harness/options.js";
import { progress, readable, report } from "../harness/report.js";
import { door } from "./door.js";
import { linear } from "./linear.js";
import { redisCost } from "./redis-cost.js";
import { restartGoals } from "./restarts.js";

type Part = Pick<Awaited<ReturnType<typeof restartGoals>>, "goals" | "infos">;

/** The parts of a run; ATP_BENCH_PARTS names some, comma-separated, for work on one of them. */
const wanted = process.env["ATP_BENCH_PARTS"]?.split(",");

runBench(async () => {
  const options = benchOptions();
  // The whole ten minutes of the door are a matter of the long run.
  const minutes = options.long ? 10 : 1;
  const parts: Readonly<Record<string, () => Promise<Part>>> = {
    restarts: restartGoals,
    cost: () => redisCost(options.long ? 13 : 6),
    linear: () => linear(options.long ? 11 : 6),
    door: () => door(minutes),
  };
  const done: Part[] = [];
  for (const [name, part] of Object.entries(parts)) {
    if (wanted?.includes(name) === false) continue;
    progress(name);
    const figures = await part();
    for (const { id, value, op, target } of figures.goals) progress(`${id}: ${value}, aimed at ${op} ${target}`);
    done.push(figures);
  }
  const infos = Object.assign({}, ...done.map((part) => part.infos)) as Part["infos"];
  const settings = { long: options.long, door_minutes: minutes };
  const run = report(
    "scale",
    done.flatMap(({ goals }) => goals),
    infos,
    settings,
  );
  if (options.write) progress(`wrote ${writePage(run)}`);
  process.stdout.write(`${options.json ? JSON.stringify(run) : readable(run)}\n`);
});
